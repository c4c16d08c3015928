#include <libssh2.h>
#include <libssh2_sftp.h>
// libssh2's own back end in Debian; its -dev package brings the header.
#include <openssl/sha.h>
#include <malloc.h>

typedef ssize_t (*pgkvm_ssh2_receive)(libssh2_socket_t socket, void *buffer, size_t length, int flags, void **abstract);
typedef ssize_t (*pgkvm_ssh2_send)(libssh2_socket_t socket, const void *buffer, size_t length, int flags, void **abstract);

// libssh2 takes the functions as untyped pointers up to 1.11.0, under another name and type from 1.11.1 on.
static inline void pgkvm_ssh2_set_transport(LIBSSH2_SESSION *session, pgkvm_ssh2_receive receive, pgkvm_ssh2_send send) {
#if LIBSSH2_VERSION_NUM >= 0x010b01
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)receive);
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)send);
#else
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)send);
#endif
}

// How many bytes an allocation really has.
static inline size_t pgkvm_ssh2_allocated(void *memory) { return malloc_usable_size(memory); }
