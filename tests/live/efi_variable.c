/* The only process of a Linux guest: tells where the kernel's functions are, and writes one UEFI variable. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VARIABLES "/sys/firmware/efi/efivars"

int main(void) {
    static const uint8_t attributes_and_data[] = {7, 0, 0, 0, 'l', 'i', 'n', 'u', 'x'};
    char symbol[256];
    mount("proc", "/proc", "proc", 0, NULL);
    FILE *symbols = fopen("/proc/kallsyms", "r");
    while (symbols && fgets(symbol, sizeof symbol, symbols))
        if (strstr(symbol, " __efi_call\n") || strstr(symbol, " efi_call_rts\n") ||
            strstr(symbol, " process_one_work\n") || strstr(symbol, " worker_thread\n"))
            fputs(symbol, stdout);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    int module = open("/efivarfs.ko", O_RDONLY);
    if (syscall(SYS_finit_module, module, "", 0) || mount("efivarfs", VARIABLES, "efivarfs", 0, NULL))
        perror("efivarfs");
    int file = open(VARIABLES "/Written-6f5a3f8e-2b1c-4d7e-9a60-51c0de7fa5b1", O_WRONLY | O_CREAT, 0600);
    if (write(file, attributes_and_data, sizeof attributes_and_data) == sizeof attributes_and_data)
        puts("variable written");
    else
        perror("variable");
    fflush(stdout);
    return reboot(RB_POWER_OFF);
}
