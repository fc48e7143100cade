/*
 * TCG plugin of QEMU: writes for every access to a flash which guest code made it, with its chain of callers.
 *
 *   -plugin who.so,out=FILE,range=NAME:START:END[,range=...]     addresses guest-physical, in hex, END exclusive
 *
 * QEMU packages no header of its plugin interface, so what is used of it is declared here. One file serves every QEMU
 * since 6.0. Rows are text, one a line, each written at once: a guest that is killed loses at most one.
 *
 *   V 1 target=aarch64 api=0..1
 *   I pc base size kind machine entry code path     the image (PE, TE, or - for none found) behind this pc
 *   C id pc,pc,...                                   a chain: the access, its callers; 1: another stack; odd: see PUSHED
 *   A vcpu r|w size device phys vaddr chain          an access
 *   S accesses=N chains=N lost=N                     at a proper end
 *
 * Nothing here may end the guest: without memory, or where a row cannot be written, the rest is left out and counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- QEMU's plugin interface --------------------------------------------------------------------------------- */

struct qemu_info {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    bool system_emulation;
    struct {
        int smp_vcpus, max_vcpus;
    } system;
};

enum { READS_AND_WRITES = 3, NO_REGISTERS = 0 };

typedef void (*translated_fn)(uintptr_t, uintptr_t);
typedef void (*accessed_fn)(unsigned vcpu, uint32_t info, uint64_t vaddr, void *data);
typedef void (*executed_fn)(unsigned vcpu, void *data);
typedef void (*ended_fn)(void);
typedef const void *(*instruction_bytes_fn)(const void *insn);                /* before API 3 */
typedef size_t (*copy_instruction_fn)(const void *insn, void *to, size_t length); /* from API 3 */

/* From API 7 on a third argument comes back as the second of the callback; before, none is looked at. */
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn callback, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, ended_fn callback, void *data);
void qemu_plugin_register_vcpu_mem_cb(void *insn, accessed_fn callback, int flags, int directions, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(void *insn, executed_fn callback, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const void *tb);
void *qemu_plugin_tb_get_insn(const void *tb, size_t number);
uint64_t qemu_plugin_insn_vaddr(const void *insn);
size_t qemu_plugin_insn_size(const void *insn);
void *qemu_plugin_insn_haddr(const void *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
void *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const void *hwaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const void *hwaddr);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;

/* QEMU reads the version after it has loaded the file, and refuses one that it no longer or does not yet knows. */
__attribute__((constructor)) static void choose_version(void) {
    static const struct {
        const char *symbol;
        int version;
    } newer[] = {
        {"qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu", 2},
        {"qemu_plugin_read_memory_vaddr", 4},
        {"qemu_plugin_translate_vaddr", 5},
        {"qemu_plugin_set_pc", 6},
    };
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        if (dlsym(RTLD_DEFAULT, newer[i].symbol))
            qemu_plugin_version = newer[i].version;
}

/* --- state --------------------------------------------------------------------------------------------------- */

enum {
    PAGE = 4096,
    MOST_RANGES = 16,
    MOST_FRAMES = 512,
    MOST_CALLERS = 96,
    ROW_BYTES = 4096,
    CODE_BYTES = 32,
    HEADER_COPY = 64,
    STACK_BYTES = 1 << 20, /* slots further apart are of different stacks */
    KERNEL_STACK = 1 << 14, /* Linux's, x86-64 and AArch64, which are aligned to their size */
    POLLS = 64,            /* loads after a store that may be reads of the status, where QEMU does not say */
    IO_UNTOLD = 5,         /* from this API on (QEMU 10.1) no access may be called I/O */
};

#define KERNEL_HALF (UINT64_C(1) << 63)

/* In a chain: the next frame is on another stack. */
#define OTHER_STACK UINT64_C(1)
/* Added to the pc of a push whose call was not seen. Instructions of AArch64 are even; x86 always sees the call. */
#define PUSHED UINT64_C(1)

struct range {
    char name[64];
    uint64_t start, end;
};

/* An open call: where its return address lies on the stack, and the pc of the call. */
struct frame {
    uint64_t slot, call;
    bool first_of_stack;
};

/* An instruction and the page of its last access. */
struct place {
    uint64_t pc, page;
};

struct vcpu {
    struct frame frames[MOST_FRAMES];
    int depth;
    uint64_t pending;  /* AArch64: a call whose return address is still in x30 */
    uint64_t executed; /* x86: the call that is being executed */
    uint64_t half;     /* AArch64: address of the first half of a pair */
    struct place plain[2]; /* x86: a string instruction whose page is not of a flash; of loads and of stores */
    unsigned loads_left;
};

struct chain {
    uint64_t hash, looked_at;
    uint32_t start, length;
};

/* An image in guest memory, or a page behind which there is none (kind "-"). */
struct image {
    uint64_t base, end;
    uintptr_t header;
    uint8_t copy[HEADER_COPY];
    bool found;
};

struct page {
    uint64_t number;
    uintptr_t host;
};

/* Growing array of anything. */
struct list {
    void *items;
    size_t count, room;
};

static struct range ranges[MOST_RANGES];
static int range_count;
static struct vcpu *vcpus;
static unsigned vcpu_count;
static bool arm64, x86;
static int out = -1, memory = -1;
static bool broken;        /* a row could not be written */
static bool io_not_told;   /* this QEMU calls no access I/O */
static uint64_t accesses, lost, translations;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct list chains, chain_pcs, images;
static uint32_t *chain_table;
static size_t chain_slots;
static struct page *page_table;
static size_t page_slots, page_count;
static uintptr_t get_instruction;

static bool grow(struct list *list, size_t more, size_t item) {
    if (list->count + more <= list->room)
        return true;
    size_t room = 2 * (list->count + more) + 64;
    void *items = realloc(list->items, room * item);
    if (!items)
        return false;
    list->items = items;
    list->room = room;
    return true;
}

/* Write one row. */
__attribute__((format(printf, 1, 2))) static bool row(const char *format, ...) {
    char line[ROW_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (broken || length < 0 || (size_t)length >= sizeof line)
        return false;
    for (int done = 0; done < length;) {
        ssize_t written = write(out, line + done, (size_t)(length - done));
        if (written <= 0) {
            broken = true; /* what follows half a row could not be read */
            return false;
        }
        done += (int)written;
    }
    return true;
}

/* --- pages of code ------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t value) {
    value = (value ^ value >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

static struct page *page_of(struct page *table, size_t slots, uint64_t number) {
    size_t at = mixed(number) & (slots - 1);
    while (table[at].host && table[at].number != number)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

/* Note where the page of a pc lies in QEMU's own memory. */
static void note_page(uint64_t pc, uintptr_t host) {
    if (2 * page_count >= page_slots) {
        size_t slots = page_slots ? 2 * page_slots : 4096;
        struct page *table = calloc(slots, sizeof *table);
        if (!table)
            return;
        for (size_t i = 0; i < page_slots; i++)
            if (page_table[i].host)
                *page_of(table, slots, page_table[i].number) = page_table[i];
        free(page_table);
        page_table = table;
        page_slots = slots;
    }
    struct page *page = page_of(page_table, page_slots, pc / PAGE);
    page_count += !page->host;
    page->number = pc / PAGE;
    page->host = host - pc % PAGE;
}

/* Where a pc lies in QEMU's memory; 0: not known. */
static uintptr_t host_of(uint64_t pc) {
    struct page *page = page_slots ? page_of(page_table, page_slots, pc / PAGE) : NULL;
    return page && page->host ? page->host + pc % PAGE : 0;
}

/* --- images -------------------------------------------------------------------------------------------------- */

static bool peek(uintptr_t at, void *to, size_t length) {
    return pread(memory, to, length, (off_t)at) == (ssize_t)length;
}

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t u32(const uint8_t *p) { return u16(p) | (uint32_t)u16(p + 2) << 16; }

struct found {
    uint64_t base, size;
    uint32_t entry;
    uint16_t machine;
    const char *kind;
    uint32_t debug, debug_size; /* its debug directory, relative to the base */
    uintptr_t load, header;     /* where base and header lie in QEMU's memory */
};

static bool is_pe(uintptr_t at, uint64_t vaddr, uint64_t pc, struct found *found) {
    uint8_t dos[64], pe[24 + 112 + 8 * 7];
    if (!peek(at, dos, sizeof dos))
        return false;
    uint32_t offset = u32(dos + 0x3c);
    /* AArch64 runtime drivers have their header at the end of a section of 64 KiB. */
    if (offset >= 0x20000 || !peek(at + offset, pe, sizeof pe) || memcmp(pe, "PE\0\0", 4))
        return false;
    bool plus = u16(pe + 24) == 0x20b;
    if (!plus && u16(pe + 24) != 0x10b)
        return false;
    uint32_t size = u32(pe + 24 + 56);
    if (pc - vaddr >= size)
        return false;
    const uint8_t *directories = pe + 24 + (plus ? 112 : 96);
    bool debug = u32(directories - 4) > 6;
    *found = (struct found){vaddr, size, u32(pe + 24 + 16), u16(pe + 4), "PE", debug ? u32(directories + 48) : 0,
                            debug ? u32(directories + 52) : 0, at, at};
    return true;
}

static bool is_te(uintptr_t at, uint64_t vaddr, uint64_t pc, struct found *found) {
    enum { TE_HEADER = 40, SECTION = 40, MOST_SECTIONS = 32 };
    static const uint16_t machines[] = {0x014c, 0x8664, 0x01c2, 0xaa64, 0x5032, 0x5064, 0x6264};
    uint8_t te[TE_HEADER + SECTION * MOST_SECTIONS];
    if (!peek(at, te, TE_HEADER))
        return false;
    bool known = false;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        known |= u16(te + 2) == machines[i];
    unsigned sections = te[4], stripped = u16(te + 6);
    if (!known || !sections || sections > MOST_SECTIONS || stripped < TE_HEADER)
        return false;
    if (!peek(at + TE_HEADER, te + TE_HEADER, SECTION * sections))
        return false;
    const uint8_t *last = te + TE_HEADER + SECTION * (sections - 1);
    uint32_t length = u32(last + 8) > u32(last + 16) ? u32(last + 8) : u32(last + 16);
    uint64_t base = vaddr + TE_HEADER - stripped, size = (uint64_t)u32(last + 12) + length;
    if (pc - base >= size)
        return false;
    *found = (struct found){base, size, u32(te + 8), u16(te + 2), "TE", u32(te + 32), u32(te + 36),
                            at + TE_HEADER - stripped, at};
    return true;
}

static bool is_image(const uint8_t *mark, uintptr_t at, uint64_t vaddr, uint64_t pc, struct found *found) {
    return (mark[0] == 'M' && mark[1] == 'Z' && is_pe(at, vaddr, pc, found)) ||
           (mark[0] == 'V' && mark[1] == 'Z' && is_te(at, vaddr, pc, found));
}

/*
 * The nearest header behind a pc: at every multiple of 4 up to 1 MiB, since SEC and PEI run in place inside of a
 * volume; further back, up to 16 MiB, at the starts of pages.
 */
static bool find_image(uint64_t pc, uintptr_t host, struct found *found) {
    enum { NEAR = 1 << 20, FAR = 16 << 20 };
    uint8_t page[PAGE];
    uintptr_t start = host & ~(uintptr_t)(PAGE - 1);
    for (size_t back = 0; back < FAR && back <= start; back += PAGE) {
        uintptr_t at = start - back;
        uint64_t vaddr = pc - (host - at);
        if (vaddr > pc)
            return false;
        if (!peek(at, page, back < NEAR ? PAGE : 4))
            return false;
        for (int i = back < NEAR ? PAGE - 4 : 0; i >= 0; i -= 4)
            if (at + (uintptr_t)i <= host && is_image(page + i, at + (uintptr_t)i, vaddr + (uint64_t)i, pc, found))
                return true;
    }
    return false;
}

/* The path in the debug directory, printable; "-": none. */
static void read_path(const struct found *image, char *path, size_t room) {
    enum { ENTRY = 28, CODE_VIEW = 2, MOST_ENTRIES = 8 };
    uint8_t entry[ENTRY], text[512 + 1];
    snprintf(path, room, "-");
    for (uint32_t at = 0; image->debug && at + ENTRY <= image->debug_size && at < ENTRY * MOST_ENTRIES; at += ENTRY) {
        if (!peek(image->load + image->debug + at, entry, ENTRY) || u32(entry + 12) != CODE_VIEW)
            continue;
        size_t length = u32(entry + 16) < sizeof text - 1 ? u32(entry + 16) : sizeof text - 1;
        if (length <= 24 || !peek(image->load + u32(entry + 20), text, length))
            continue;
        text[length] = 0;
        size_t from = !memcmp(text, "RSDS", 4) ? 24 : !memcmp(text, "MTOC", 4) ? 20 : !memcmp(text, "NB10", 4) ? 16 : 0;
        if (!from || !text[from])
            continue;
        snprintf(path, room, "%s", (char *)text + from);
        for (char *c = path; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        return;
    }
}

static struct image *image_of(uint64_t pc) {
    struct image *items = images.items;
    for (size_t i = images.count; i-- > 0;)
        if (pc >= items[i].base && pc < items[i].end)
            return &items[i];
    return NULL;
}

/* Write the image behind a pc, unless it is known and still there. */
static void tell_image(uint64_t pc) {
    uintptr_t host = host_of(pc);
    struct image *known = image_of(pc);
    uint8_t now[HEADER_COPY];
    if (!host || (known && !known->found))
        return;
    if (known && peek(known->header, now, HEADER_COPY) && !memcmp(now, known->copy, HEADER_COPY))
        return;
    struct found found = {.base = pc & ~(uint64_t)(PAGE - 1), .size = PAGE, .kind = "-"};
    bool present = find_image(pc, host, &found);
    char path[512] = "-", code[2 * CODE_BYTES + 1] = "-";
    uint8_t bytes[CODE_BYTES];
    if (present)
        read_path(&found, path, sizeof path);
    if (peek(host, bytes, CODE_BYTES))
        for (int i = 0; i < CODE_BYTES; i++)
            snprintf(code + 2 * i, 3, "%02x", bytes[i]);
    if (!grow(&images, 1, sizeof(struct image)))
        return;
    struct image *image = (struct image *)images.items + images.count++;
    *image = (struct image){.base = found.base, .end = found.base + found.size, .header = found.header};
    image->found = present && peek(image->header, image->copy, HEADER_COPY);
    row("I %" PRIx64 " %" PRIx64 " %" PRIx64 " %s %x %x %s %s\n", pc, found.base, found.size, found.kind,
        (unsigned)found.machine, (unsigned)found.entry, code, path);
}

/* --- open calls ---------------------------------------------------------------------------------------------- */

/* Kernels run in the upper half of the addresses, and their stacks, one a thread, lie close by one another. */
static bool same_stack(uint64_t one, uint64_t other) {
    if (one & other & KERNEL_HALF)
        return one / KERNEL_STACK == other / KERNEL_STACK;
    return (one > other ? one - other : other - one) < STACK_BYTES;
}

static void push(struct vcpu *cpu, uint64_t slot, uint64_t call) {
    bool first = false;
    memset(cpu->plain, 0, sizeof cpu->plain);
    if (cpu->depth && !same_stack(cpu->frames[cpu->depth - 1].slot, slot)) {
        int at = cpu->depth - 1;
        while (at >= 0 && !same_stack(cpu->frames[at].slot, slot))
            at--;
        if (at >= 0)
            cpu->depth = at + 1; /* that stack was left and is entered again */
        else
            first = true;
    }
    /* Frames below the new one are dead: left by longjmp, or by a function that did not return. */
    while (!first && cpu->depth && cpu->frames[cpu->depth - 1].slot <= slot &&
           same_stack(cpu->frames[cpu->depth - 1].slot, slot)) {
        first |= cpu->frames[cpu->depth - 1].first_of_stack && cpu->depth > 1;
        cpu->depth--;
    }
    if (cpu->depth == MOST_FRAMES) {
        cpu->depth /= 2;
        memmove(cpu->frames, cpu->frames + MOST_FRAMES - cpu->depth, (size_t)cpu->depth * sizeof *cpu->frames);
    }
    cpu->frames[cpu->depth++] = (struct frame){slot, call, first};
}

/* Drop the frames up to the one at a slot; its call, 0 where there is no such frame. */
static uint64_t pop(struct vcpu *cpu, uint64_t slot) {
    memset(cpu->plain, 0, sizeof cpu->plain);
    for (int at = cpu->depth - 1; at >= 0; at--)
        if (cpu->frames[at].slot == slot) {
            cpu->depth = at;
            return cpu->frames[at].call;
        }
    return 0;
}

/* --- chains -------------------------------------------------------------------------------------------------- */

static int collect(const struct vcpu *cpu, uint64_t pc, uint64_t *pcs) {
    int count = 0;
    pcs[count++] = pc;
    if (cpu->pending)
        pcs[count++] = cpu->pending;
    for (int at = cpu->depth - 1; at >= 0 && count < MOST_CALLERS; at--) {
        pcs[count++] = cpu->frames[at].call;
        if (cpu->frames[at].first_of_stack && at && count < MOST_CALLERS)
            pcs[count++] = OTHER_STACK;
    }
    return count;
}

static bool enlarge_chain_table(void) {
    if (2 * chains.count < chain_slots)
        return true;
    size_t slots = chain_slots ? 2 * chain_slots : 4096;
    uint32_t *table = calloc(slots, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < chains.count; i++) {
        size_t at = ((struct chain *)chains.items)[i].hash & (slots - 1);
        while (table[at])
            at = (at + 1) & (slots - 1);
        table[at] = (uint32_t)i + 1;
    }
    free(chain_table);
    chain_table = table;
    chain_slots = slots;
    return true;
}

static bool tell_chain(size_t id, const uint64_t *pcs, int count) {
    char text[MOST_CALLERS * 18 + 1];
    int length = 0;
    for (int i = 0; i < count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%" PRIx64, i ? "," : "", pcs[i]);
    return row("C %zu %s\n", id, text);
}

/* The number of a chain, which is written when it is new; -1 where that fails. */
static long chain_of(const uint64_t *pcs, int count) {
    uint64_t hash = (uint64_t)count;
    for (int i = 0; i < count; i++)
        hash = mixed(hash ^ pcs[i]);
    if (!enlarge_chain_table() || !grow(&chains, 1, sizeof(struct chain)) ||
        !grow(&chain_pcs, (size_t)count, sizeof(uint64_t)))
        return -1;
    struct chain *items = chains.items;
    size_t at = hash & (chain_slots - 1), bytes = (size_t)count * sizeof(uint64_t);
    for (; chain_table[at]; at = (at + 1) & (chain_slots - 1)) {
        const struct chain *other = &items[chain_table[at] - 1];
        const uint64_t *others = (const uint64_t *)chain_pcs.items + other->start;
        if (other->hash == hash && other->length == (uint32_t)count && !memcmp(others, pcs, bytes))
            break;
    }
    bool is_new = !chain_table[at];
    if (is_new) {
        items[chains.count] = (struct chain){hash, 0, (uint32_t)chain_pcs.count, (uint32_t)count};
        memcpy((uint64_t *)chain_pcs.items + chain_pcs.count, pcs, bytes);
        chain_pcs.count += (size_t)count;
        chain_table[at] = (uint32_t)++chains.count;
    }
    size_t id = chain_table[at] - 1;
    if (items[id].looked_at != translations) { /* code may have come to lie where other code was */
        for (int i = 0; i < count; i++)
            if (pcs[i] != OTHER_STACK)
                tell_image(pcs[i] & ~(arm64 ? PUSHED : 0));
        items[id].looked_at = translations;
    }
    if (is_new && !tell_chain(id, pcs, count))
        return -1;
    return (long)id;
}

/* --- accesses ------------------------------------------------------------------------------------------------ */

static const struct range *range_of(uint64_t address) {
    for (int i = 0; i < range_count; i++)
        if (address >= ranges[i].start && address < ranges[i].end)
            return &ranges[i];
    return NULL;
}

/* True where the device may have seen an access that is not called I/O, and not only the memory of its array mode. */
static bool may_reach_device(struct vcpu *cpu, bool store) {
    io_not_told |= store;
    if (!io_not_told)
        return false;
    if (store)
        cpu->loads_left = POLLS;
    else if (cpu->loads_left)
        cpu->loads_left--;
    else
        return false;
    return true;
}

static void look_at(unsigned number, struct vcpu *cpu, uint32_t info, uint64_t vaddr, uint64_t pc) {
    const void *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    bool io = hwaddr && qemu_plugin_hwaddr_is_io(hwaddr);
    if (!hwaddr || (!io && qemu_plugin_version < IO_UNTOLD)) /* before the address, which then costs twice as much */
        return;
    uint64_t address = qemu_plugin_hwaddr_phys_addr(hwaddr);
    const struct range *range = range_of(address);
    bool store = qemu_plugin_mem_is_store(info);
    if (!range || !(io || may_reach_device(cpu, store)))
        return;
#ifdef ON_ACCESS /* a test looks into the guest's memory */
    ON_ACCESS(cpu);
#endif
    uint64_t pcs[MOST_CALLERS + 1];
    int count = collect(cpu, pc, pcs);
    pthread_mutex_lock(&lock);
    long chain = chain_of(pcs, count);
    accesses++;
    if (chain < 0 || !row("A %u %c %u %s %" PRIx64 " %" PRIx64 " %ld\n", number, store ? 'w' : 'r',
                          1u << qemu_plugin_mem_size_shift(info), range->name, address, vaddr, chain))
        lost++;
    pthread_mutex_unlock(&lock);
}

static struct vcpu *vcpu_of(unsigned number) {
    return number < vcpu_count ? &vcpus[number] : NULL;
}

static uint64_t pc_of(const void *data) { return (uint64_t)(uintptr_t)data; }

/* True on the page of the last call's return address. A stack is no device, and many accesses are to it. */
static bool is_on_stack(const struct vcpu *cpu, uint64_t vaddr) {
    return cpu->depth && (cpu->frames[cpu->depth - 1].slot ^ vaddr) < PAGE;
}

static void accessed(unsigned number, uint32_t info, uint64_t vaddr, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    if (cpu && !is_on_stack(cpu, vaddr))
        look_at(number, cpu, info, vaddr, pc_of(pc));
}

/*
 * x86: an element of a string instruction. Most fill or copy memory, so a page is looked at once: what it shows does
 * not change within an instruction. What may change it, in an interrupt say, calls or returns, which forgets the page.
 */
static void accessed_element(unsigned number, uint32_t info, uint64_t vaddr, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    if (!cpu)
        return;
    struct place *plain = &cpu->plain[qemu_plugin_mem_is_store(info)];
    if (plain->pc == pc_of(pc) && plain->page == vaddr / PAGE)
        return;
    const void *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    if (hwaddr && !range_of(qemu_plugin_hwaddr_phys_addr(hwaddr)))
        *plain = (struct place){pc_of(pc), vaddr / PAGE};
    else
        look_at(number, cpu, info, vaddr, pc_of(pc));
}

/* x86: a call stores its return address. */
static void called(unsigned number, uint32_t info, uint64_t vaddr, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    if (!cpu)
        return;
    if (!qemu_plugin_mem_is_store(info))
        look_at(number, cpu, info, vaddr, pc_of(pc));
    else if (cpu->executed == pc_of(pc)) { /* QEMU 7.2: later pushes, of an interrupt, come here too */
        push(cpu, vaddr, pc_of(pc));
        cpu->executed = 0;
    }
}

static void executes_call(unsigned number, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    if (cpu)
        cpu->executed = pc_of(pc);
}

/* x86: a return loads the address that its call stored. */
static void returned(unsigned number, uint32_t info, uint64_t vaddr, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    (void)pc;
    if (cpu && !qemu_plugin_mem_is_store(info))
        pop(cpu, vaddr);
}

/* Which of a pair of registers is x30, in the low bits of the pc of an AArch64 instruction; 0: no pair. */
enum { LINK_FIRST = 1, LINK_SECOND = 2, PAIR = LINK_FIRST | LINK_SECOND };

/* Where x30 lies, of an access to it; 0 for the other half of a pair. QEMU 7.2 gives halves, newer ones the pair. */
static uint64_t link_slot(struct vcpu *cpu, uint32_t info, uint64_t vaddr, uint64_t pc) {
    bool second = pc & LINK_SECOND;
    if (!(pc & PAIR))
        return vaddr;
    if (qemu_plugin_mem_size_shift(info) == 4)
        return vaddr + (second ? 8 : 0);
    bool is_second = cpu->half && vaddr == cpu->half + 8;
    cpu->half = is_second ? 0 : vaddr;
    return is_second == second ? vaddr : 0;
}

/* AArch64: a function stores x30, its return address. */
static void saved_link(unsigned number, uint32_t info, uint64_t vaddr, void *data) {
    struct vcpu *cpu = vcpu_of(number);
    uint64_t slot = cpu ? link_slot(cpu, info, vaddr, pc_of(data)) : 0;
    if (!slot)
        return;
    push(cpu, slot, cpu->pending ? cpu->pending : (pc_of(data) & ~(uint64_t)PAIR) + PUSHED);
    cpu->pending = 0;
}

/* AArch64: x30 is loaded again; a return follows, or a jump to another function, which that call then is of. */
static void loaded_link(unsigned number, uint32_t info, uint64_t vaddr, void *data) {
    struct vcpu *cpu = vcpu_of(number);
    uint64_t slot = cpu ? link_slot(cpu, info, vaddr, pc_of(data)) : 0;
    uint64_t call = slot ? pop(cpu, slot) : 0;
    if (call)
        cpu->pending = call & PUSHED ? 0 : call;
}

static void links(unsigned number, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    if (cpu)
        cpu->pending = pc_of(pc);
}

static void returns(unsigned number, void *pc) {
    struct vcpu *cpu = vcpu_of(number);
    (void)pc;
    if (cpu)
        cpu->pending = 0;
}

/* --- translation --------------------------------------------------------------------------------------------- */

static size_t instruction(const void *insn, uint8_t *bytes, size_t room) {
    size_t size = qemu_plugin_insn_size(insn);
    if (size > room)
        size = room;
    if (qemu_plugin_version >= 3)
        return ((copy_instruction_fn)get_instruction)(insn, bytes, size);
    const void *data = ((instruction_bytes_fn)get_instruction)(insn);
    if (data)
        memcpy(bytes, data, size);
    return data ? size : 0;
}

enum kind { OTHER, CALL, RETURN, SAVE_LINK, LOAD_LINK, OF_STACK, STRING };

enum { SP = 31, LINK = 30 };

static bool is_pair(uint32_t word) { return (word & 0xfe000000) == 0xa8000000; }

static enum kind kind_on_x86(const uint8_t *code, size_t size) {
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};
    size_t at = 0;
    while (at < size && (memchr(prefixes, code[at], sizeof prefixes) || (code[at] & 0xf0) == 0x40))
        at++;
    if (at >= size)
        return OTHER;
    if (code[at] >> 4 == 5) /* push and pop of a register */
        return OF_STACK;
    switch (code[at]) {
    case 0xe8:
    case 0x9a:
        return CALL;
    case 0xff:
        return at + 1 < size && ((code[at + 1] >> 3 & 7) == 2 || (code[at + 1] >> 3 & 7) == 3) ? CALL : OTHER;
    case 0xc2:
    case 0xc3:
    case 0xca:
    case 0xcb:
        return RETURN;
    case 0x68: /* push of a number */
    case 0x6a:
    case 0xc9: /* leave */
        return OF_STACK;
    case 0xa4: /* movs, stos, lods */
    case 0xa5:
    case 0xaa:
    case 0xab:
    case 0xac:
    case 0xad:
        return STRING;
    default:
        return OTHER;
    }
}

static enum kind kind_on_arm64(uint32_t word) {
    unsigned target = word & 31, base = word >> 5 & 31, second = word >> 10 & 31;
    if (word >> 26 == 0x25 || (word & 0xfffffc1f) == 0xd63f0000 || (word & 0xfefff800) == 0xd63f0800)
        return CALL;
    if ((word & 0xfffffc1f) == 0xd65f0000 || (word & 0xfffffbff) == 0xd65f0bff)
        return RETURN;
    if ((word & 0x0a000000) != 0x08000000 || (word & 0x3b000000) == 0x18000000 || base != SP)
        return OTHER; /* no load or store, one relative to the pc, or one with another base than sp */
    if (is_pair(word) && (target == LINK || second == LINK))
        return word >> 22 & 1 ? LOAD_LINK : SAVE_LINK;
    if (target == LINK && ((word & 0xffc00000) == 0xf9000000 || (word & 0xffe00000) == 0xf8000000))
        return SAVE_LINK;
    if (target == LINK && ((word & 0xffc00000) == 0xf9400000 || (word & 0xffe00000) == 0xf8400000))
        return LOAD_LINK;
    return OF_STACK;
}

static void watch(void *insn, enum kind kind, uint32_t word) {
    uintptr_t pair = (kind == SAVE_LINK || kind == LOAD_LINK) && is_pair(word)
                         ? (word & 31) == LINK ? LINK_FIRST : LINK_SECOND
                         : 0;
    void *pc = (void *)((uintptr_t)qemu_plugin_insn_vaddr(insn) | pair);
    accessed_fn callback = accessed;
    if (x86 && kind == CALL) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, executes_call, NO_REGISTERS, pc);
        callback = called;
    } else if (x86 && kind == RETURN) {
        callback = returned;
    } else if (kind == CALL || kind == RETURN) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, kind == CALL ? links : returns, NO_REGISTERS, pc);
        return;
    } else if (kind == SAVE_LINK || kind == LOAD_LINK) {
        callback = kind == SAVE_LINK ? saved_link : loaded_link;
    } else if (kind == STRING) {
        callback = accessed_element;
    } else if (kind == OF_STACK) {
        return; /* a stack is no device */
    }
    /* Before QEMU 8.0 the directions are mixed up: ask for both, and look. */
    qemu_plugin_register_vcpu_mem_cb(insn, callback, NO_REGISTERS, READS_AND_WRITES, pc);
}

static const char marker;

static void translated(uintptr_t first, uintptr_t second) {
    const void *tb = (const void *)(second == (uintptr_t)&marker ? first : second);
    size_t count = qemu_plugin_tb_n_insns(tb);
    pthread_mutex_lock(&lock);
    translations++;
    for (size_t i = 0; i < count; i++) {
        const void *insn = qemu_plugin_tb_get_insn(tb, i);
        uintptr_t host = (uintptr_t)qemu_plugin_insn_haddr(insn);
        if (host)
            note_page(qemu_plugin_insn_vaddr(insn), host);
    }
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < count; i++) {
        void *insn = qemu_plugin_tb_get_insn(tb, i);
        uint8_t code[16] = {0};
        size_t size = arm64 || x86 ? instruction(insn, code, sizeof code) : 0;
        watch(insn, !size ? OTHER : arm64 ? kind_on_arm64(u32(code)) : kind_on_x86(code, size), u32(code));
    }
}

static void ended(void) {
    pthread_mutex_lock(&lock);
    row("S accesses=%" PRIu64 " chains=%zu lost=%" PRIu64 "\n", accesses, chains.count, lost);
    pthread_mutex_unlock(&lock);
}

/* --- start --------------------------------------------------------------------------------------------------- */

static bool take_range(const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon || range_count == MOST_RANGES || (size_t)(colon - text) >= sizeof ranges->name)
        return false;
    struct range *range = &ranges[range_count];
    memcpy(range->name, text, (size_t)(colon - text));
    char *rest;
    range->start = strtoull(colon + 1, &rest, 16);
    if (*rest != ':')
        return false;
    range->end = strtoull(rest + 1, &rest, 16);
    range_count++;
    return !*rest && range->end > range->start;
}

static bool take(const char *argument) {
    if (!strncmp(argument, "range=", 6))
        return take_range(argument + 6);
    if (strncmp(argument, "out=", 4) || out >= 0)
        return false;
    out = open(argument + 4, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return out >= 0;
}

EXPORTED int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int count, char **arguments) {
    for (int i = 0; i < count; i++)
        if (!take(arguments[i])) {
            fprintf(stderr, "who: cannot take %s\n", arguments[i]);
            return -1;
        }
    memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    get_instruction = (uintptr_t)dlsym(RTLD_DEFAULT, "qemu_plugin_insn_data");
    vcpu_count = info->system.max_vcpus > 0 ? (unsigned)info->system.max_vcpus : 1;
    vcpus = calloc(vcpu_count, sizeof *vcpus);
    if (out < 0 || !range_count || memory < 0 || !get_instruction || !info->system_emulation || !vcpus) {
        fprintf(stderr, "who: give out= and range=, to a QEMU that emulates a machine\n");
        return -1;
    }
    arm64 = !strcmp(info->target_name, "aarch64");
    x86 = !strcmp(info->target_name, "x86_64") || !strcmp(info->target_name, "i386");
    row("V 1 target=%s api=%d..%d\n", info->target_name, info->version.min, info->version.cur);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated, (void *)(uintptr_t)&marker);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
