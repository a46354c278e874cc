/* The new root's init: marks where a boot has arrived, and ends the guest. Without a C library, so that nothing runs before the marker. */
#include <linux/reboot.h>
#include <sys/syscall.h>
#include "marker.h"

void _start(void)
{
	long result;

	MARKER(2);
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(SYS_reboot), "D"(LINUX_REBOOT_MAGIC1), "S"(LINUX_REBOOT_MAGIC2),
			   "d"(LINUX_REBOOT_CMD_POWER_OFF)
			 : "rcx", "r11", "memory");
	for (;;)
		;
}
