/*
 * What runs in a container: `attach NAME` attaches to the TAP device NAME through the container's own
 * /dev/net/tun, says so, and stays. Linked statically: nothing else need be in the root filesystem.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR);
  if (fd < 0) {
    perror("/dev/net/tun");
    return 1;
  }
  if (argc > 1) strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    perror("TUNSETIFF");
    return 1;
  }
  puts("attached");
  fflush(stdout);
  /* Whatever becomes of the test and the runtime, the container ends by itself. */
  sleep(60);
  return 0;
}
