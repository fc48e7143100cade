/*
 * The plugin, with a check: at every access the return address of each frame of its chain is read from the guest's
 * memory, which lies in the file RAM_FILE from the address RAM_START (hex) on. Totals go to the file FRAMES_FILE.
 *
 * On AArch64 the frame records are compared too, link by link: a frame that the plugin missed breaks the chain of them.
 */
struct vcpu;
static void check_frames(const struct vcpu *cpu);
#define ON_ACCESS(cpu) check_frames(cpu)
#include "plugin.c"

static int ram = -1;
static uint64_t ram_start, chains_checked, frames_right, frames_wrong, frames_elsewhere, links_right, links_wrong;

__attribute__((constructor)) static void open_ram(void) {
    ram = open(getenv("RAM_FILE"), O_RDONLY | O_CLOEXEC);
    ram_start = strtoull(getenv("RAM_START"), NULL, 16);
}

__attribute__((destructor)) static void tell(void) {
    FILE *file = fopen(getenv("FRAMES_FILE"), "w");
    if (!file)
        return;
    fprintf(file, "chains=%" PRIu64 " frames=%" PRIu64 " wrong=%" PRIu64 " elsewhere=%" PRIu64, chains_checked,
            frames_right, frames_wrong, frames_elsewhere);
    fprintf(file, " links=%" PRIu64 " broken=%" PRIu64 "\n", links_right, links_wrong);
    fclose(file);
}

static bool word_at(uint64_t address, uint64_t *word) {
    return address >= ram_start && pread(ram, word, sizeof *word, (off_t)(address - ram_start)) == sizeof *word;
}

/* True where a call at this pc returns to an address; 32-bit code of x86 pushes half a word. */
static bool returns_to(uint64_t call, uint64_t address) {
    enum { SHORTEST = 2, LONGEST = 9 }; /* of x86, with prefixes */
    uint64_t length = address - call, half = (uint32_t)address - call;
    return arm64 ? length == 4 : (length >= SHORTEST && length <= LONGEST) || (half >= SHORTEST && half <= LONGEST);
}

static void check_frames(const struct vcpu *cpu) {
    chains_checked++;
    for (int at = cpu->depth - 1; at >= 0; at--) {
        const struct frame *frame = &cpu->frames[at], *caller = at ? frame - 1 : NULL;
        uint64_t word, record;
        if (!word_at(frame->slot, &word))
            frames_elsewhere++;
        else if (!(arm64 && frame->call & PUSHED) && !returns_to(frame->call, word))
            frames_wrong++;
        else
            frames_right++;
        if (!arm64 || !caller || frame->first_of_stack || !word_at(frame->slot - 8, &record))
            continue;
        if (record == caller->slot - 8)
            links_right++;
        else
            links_wrong++;
    }
}
