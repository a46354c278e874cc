/* Started in /init's place (rdinit=/start): marks where a boot begins, then becomes /init. */
#include <stdio.h>
#include <unistd.h>
#include "marker.h"

int main(int argc, char **argv, char **environment)
{
	(void)argc;
	MARKER(1);
	argv[0] = "/init";
	execve(argv[0], argv, environment);
	perror("/init");
	return 1;
}
