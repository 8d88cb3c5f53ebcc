// What a host sends is kept for some milliseconds, and a share of it is lost: for kernels without netem. Packets come from a tun
// device, to which the host's routes lead, and go on by the device behind it. `impair <tun> <device> <ms> <percent>`, until it is killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct packet {
  struct packet *next;
  long long due;
  ssize_t length;
  unsigned char bytes[2048];
};

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000LL + at.tv_nsec / 1000000;
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  const int delay = atoi(words[3]), percent = atoi(words[4]);
  int in = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, words[1], IFNAMSIZ - 1);
  if (in < 0 || ioctl(in, TUNSETIFF, &request) < 0) return fail("tun");
  int out = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (out < 0 || setsockopt(out, SOL_SOCKET, SO_BINDTODEVICE, words[2], strlen(words[2]) + 1) < 0) return fail("socket");
  puts("ready");
  fflush(stdout);

  struct packet *first = NULL, **last = &first;
  for (;;) {
    long long left = first ? first->due - now() : -1;
    struct pollfd ready = {.fd = in, .events = POLLIN};
    poll(&ready, 1, first && left < 0 ? 0 : (int)left);
    for (;;) {
      struct packet *packet = malloc(sizeof *packet);
      if (!packet) return fail("memory");
      packet->length = read(in, packet->bytes, sizeof packet->bytes);
      const struct iphdr *header = (struct iphdr *)packet->bytes;
      const int isEnd = packet->length <= 0;
      if (isEnd || header->version != 4 || rand() % 100 < percent) {
        free(packet);
        if (isEnd) break;
        continue;
      }
      packet->next = NULL;
      packet->due = now() + delay;
      *last = packet;
      last = &packet->next;
    }
    while (first && first->due <= now()) {
      struct packet *packet = first;
      struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = ((struct iphdr *)packet->bytes)->daddr};
      sendto(out, packet->bytes, packet->length, 0, (struct sockaddr *)&to, sizeof to);
      first = packet->next;
      if (!first) last = &first;
      free(packet);
    }
  }
}
