/* Windows sockets on the loopback: a stream with a blocking client, overlapped and non-blocking operations, select, events, datagrams. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include "test.h"

static struct sockaddr_in here;

static DWORD WINAPI client(void *arg)
{
    char data[1000];
    int sum = 0, n;
    SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (struct sockaddr *)&here, sizeof here))
        return 1;
    for (int i = 0; i < 50; i++) {
        memset(data, i, sizeof data);
        if (send(s, data, sizeof data, 0) != sizeof data)
            return 2;
    }
    shutdown(s, SD_SEND);
    while ((n = recv(s, data, sizeof data, 0)) > 0)
        for (int i = 0; i < n; i++)
            sum += data[i];
    closesocket(s);
    return n < 0 ? 3 : (DWORD)sum;
}

/* Echoes what comes, with overlapped calls on a completion port. */
static void serve(SOCKET s)
{
    HANDLE port = CreateIoCompletionPort((HANDLE)s, NULL, 77, 1);
    char data[4096];
    DWORD n, flags, total = 0;
    ULONG_PTR key;
    OVERLAPPED *done_one;

    CHECK(port);
    for (;;) {
        OVERLAPPED o = {0};
        WSABUF b = {sizeof data, data};
        flags = 0;
        int r = WSARecv(s, &b, 1, &n, &flags, &o, NULL);
        if (r && WSAGetLastError() != WSA_IO_PENDING) {
            CHECK(0, "WSARecv");
            break;
        }
        if (!GetQueuedCompletionStatus(port, &n, &key, &done_one, 20000) || key != 77 || done_one != &o) {
            CHECK(0, "GetQueuedCompletionStatus");
            break;
        }
        if (n == 0)
            break;
        total += n;
        b.len = n;
        memset(&o, 0, sizeof o);
        r = WSASend(s, &b, 1, &n, 0, &o, NULL);
        if ((r && WSAGetLastError() != WSA_IO_PENDING) || !GetQueuedCompletionStatus(port, &n, &key, &done_one, 20000)) {
            CHECK(0, "WSASend");
            break;
        }
    }
    CHECK(total == 50000, "%lu", (unsigned long)total);
    closesocket(s);
    CloseHandle(port);
}

static void streams(void)
{
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    int size = sizeof here;
    fd_set set;
    u_long on = 1;
    DWORD code = 0;

    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(!bind(listener, (struct sockaddr *)&here, sizeof here) && !getsockname(listener, (struct sockaddr *)&here, &size) && here.sin_port);
    CHECK(!listen(listener, 5));
    CHECK(!ioctlsocket(listener, FIONBIO, &on));
    CHECK(accept(listener, NULL, NULL) == INVALID_SOCKET && WSAGetLastError() == WSAEWOULDBLOCK);
    FD_ZERO(&set);
    FD_SET(listener, &set);
    CHECK(select(0, &set, NULL, NULL, &(struct timeval){.tv_usec = 20000}) == 0);
    WSAEVENT event = WSACreateEvent();
    CHECK(!WSAEventSelect(listener, event, FD_ACCEPT));

    HANDLE t = CreateThread(NULL, 0, client, NULL, 0, NULL);
    CHECK(WSAWaitForMultipleEvents(1, &event, FALSE, 20000, FALSE) == WSA_WAIT_EVENT_0);
    WSANETWORKEVENTS events;
    CHECK(!WSAEnumNetworkEvents(listener, event, &events) && events.lNetworkEvents == FD_ACCEPT);
    SOCKET s = accept(listener, NULL, NULL);
    CHECK(s != INVALID_SOCKET);
    WSAEventSelect(s, NULL, 0);
    serve(s);
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 49 * 50 / 2 * 1000, "%lu", (unsigned long)code);
    closesocket(listener);
    s = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(s, (struct sockaddr *)&here, sizeof here) && WSAGetLastError() == WSAECONNREFUSED, "%d", WSAGetLastError());
    closesocket(s);
}

static void datagrams(void)
{
    SOCKET a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET}, from;
    int size = sizeof at;
    char text[16] = "";
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(!bind(a, (struct sockaddr *)&at, sizeof at) && !getsockname(a, (struct sockaddr *)&at, &size));
    CHECK(sendto(b, "twelve bytes", 13, 0, (struct sockaddr *)&at, sizeof at) == 13);
    WSAPOLLFD p = {.fd = a, .events = POLLRDNORM};
    CHECK(WSAPoll(&p, 1, 20000) == 1 && p.revents == POLLRDNORM);
    size = sizeof from;
    CHECK(recvfrom(a, text, 5, 0, (struct sockaddr *)&from, &size) == SOCKET_ERROR && WSAGetLastError() == WSAEMSGSIZE && !memcmp(text, "twelv", 5));
    closesocket(a);
    closesocket(b);
}

int main(void)
{
    WSADATA data;
    struct addrinfo *info = NULL, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    CHECK(!WSAStartup(MAKEWORD(2, 2), &data) && data.wVersion == MAKEWORD(2, 2));
    streams();
    datagrams();
    CHECK(!getaddrinfo("localhost", "80", &hints, &info));
    CHECK(info && ((struct sockaddr_in *)info->ai_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK) &&
          ((struct sockaddr_in *)info->ai_addr)->sin_port == htons(80));
    freeaddrinfo(info);
    WSACleanup();
    return done();
}
