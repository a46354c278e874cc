#ifndef FIRSTLIGHT_MODPROBE_H
#define FIRSTLIGHT_MODPROBE_H

/* The program that the kernel runs for a driver request of its own (kernel/module/kmod.c: modprobe -q -- NAME). The exit status. */
int modprobe_main(int argc, char **argv);

#endif
