#include <libpq-fe.h>

// Character macros, which Swift does not import.
static const int CLibPQFieldSQLState = PG_DIAG_SQLSTATE;
static const int CLibPQFieldMessage = PG_DIAG_MESSAGE_PRIMARY;
static const int CLibPQFieldDetail = PG_DIAG_MESSAGE_DETAIL;
static const int CLibPQFieldHint = PG_DIAG_MESSAGE_HINT;

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/// Bytes that came over a TCP connection so far, as the kernel counts them; 0 for any other socket. libpq itself keeps what comes, whatever
/// its size. The struct of the kernel's own header, of which the C library's has only the beginning: TCP_INFO, tcpi_bytes_received.
static inline uint64_t pgkvm_pq_received(int connection) {
    unsigned char info[136];
    socklen_t length = sizeof info;
    uint64_t received;
    if (getsockopt(connection, IPPROTO_TCP, 11, info, &length) != 0 || length < sizeof info) return 0;
    memcpy(&received, info + 128, sizeof received);
    return received;
}
