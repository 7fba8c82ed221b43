#include "runtime/serve/http/Transport.h"

#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace axiom::http {

namespace {

class TlsTransport final : public Transport {
public:
  TlsTransport(SSL *ssl, int descriptor) : ssl_(ssl), descriptor_(descriptor) {}
  ~TlsTransport() override { SSL_free(ssl_); }

  IoResult handshake() override {
    ERR_clear_error();
    int code = SSL_accept(ssl_);
    if (code == 1)
      return {IoResult::Kind::Done};
    IoResult result = failure(code);
    if (result.kind == IoResult::Kind::Failed &&
        ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST)
      result.kind = IoResult::Kind::PlainHttp;
    return result;
  }
  IoResult read(char *to, size_t size) override {
    ERR_clear_error();
    size_t got = 0;
    int code = SSL_read_ex(ssl_, to, size, &got);
    return code == 1 ? IoResult{IoResult::Kind::Done, got} : failure(code);
  }
  IoResult write(const char *from, size_t size) override {
    ERR_clear_error();
    size_t sent = 0;
    int code = SSL_write_ex(ssl_, from, size, &sent);
    return code == 1 ? IoResult{IoResult::Kind::Done, sent} : failure(code);
  }
  void finish() override {
    ERR_clear_error();
    if (!failed_ && SSL_is_init_finished(ssl_))
      SSL_shutdown(ssl_); // the close_notify; the peer's is not waited for
    shutdown(descriptor_, SHUT_WR);
  }

private:
  IoResult failure(int code) {
    switch (SSL_get_error(ssl_, code)) {
    case SSL_ERROR_WANT_READ:
      return {IoResult::Kind::WantRead};
    case SSL_ERROR_WANT_WRITE:
      return {IoResult::Kind::WantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::End};
    case SSL_ERROR_SSL:
      failed_ = true;
      // A peer that ends without close_notify has hung up all the same.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return {IoResult::Kind::End};
      return {IoResult::Kind::Failed};
    default:
      failed_ = true;
      return {IoResult::Kind::Failed};
    }
  }

  SSL *const ssl_;
  const int descriptor_;
  bool failed_ = false;
};

std::string openSslReason() {
  std::string reason;
  while (unsigned long code = ERR_get_error()) // the last one says most
    if (const char *text = ERR_reason_error_string(code))
      reason = text;
  return reason.empty() ? "unknown cause" : reason;
}

Status unreadable(const std::string &file, const char *what) {
  FILE *opened = std::fopen(file.c_str(), "rb");
  if (!opened)
    return Status(errno == ENOENT ? Code::NotFound : Code::BadInput,
                  std::string(what) + " " + file + " cannot be opened: " + std::strerror(errno));
  std::fclose(opened);
  return Status();
}

// Answers HTTP/1.1 to clients that ask for a protocol; those that know only others are refused.
int chooseProtocol(SSL *, const unsigned char **out, unsigned char *outSize,
                   const unsigned char *in, unsigned inSize, void *) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char *chosen = nullptr;
  if (SSL_select_next_proto(&chosen, outSize, ours, sizeof ours - 1, in, inSize) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

} // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::string &certificateFile,
                                                     const std::string &keyFile) {
  AXIOM_RETURN_IF_ERROR(unreadable(certificateFile, "the TLS certificate file"));
  AXIOM_RETURN_IF_ERROR(unreadable(keyFile, "the TLS key file"));
  ERR_clear_error();
  std::shared_ptr<TlsContext> tls(new TlsContext);
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context)
    return Status(Code::Internal, "no TLS: " + openSslReason());
  tls->context_ = context;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // For TLS 1.2: forward secrecy and authenticated encryption only, as 1.3 has by itself.
  if (SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return Status(Code::Internal, "no TLS ciphers: " + openSslReason());
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, [](char *, int, int, void *) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(context, certificateFile.c_str()) != 1)
    return Status(Code::BadInput, "the TLS certificate file " + certificateFile +
                                      " is not a certificate in PEM form: " + openSslReason());
  if (SSL_CTX_use_PrivateKey_file(context, keyFile.c_str(), SSL_FILETYPE_PEM) != 1) {
    bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    std::string reason = openSslReason();
    if (mismatch)
      return Status(Code::BadInput, "the key in " + keyFile +
                                        " does not belong to the certificate "
                                        "in " +
                                        certificateFile + ": " + reason);
    return Status(Code::BadInput,
                  "the TLS key file " + keyFile +
                      " is not a private key in PEM form without a passphrase: " + reason);
  }
  if (SSL_CTX_check_private_key(context) != 1)
    return Status(Code::BadInput, "the key in " + keyFile +
                                      " does not belong to the certificate "
                                      "in " +
                                      certificateFile + ": " + openSslReason());
  return tls;
}

TlsContext::~TlsContext() { SSL_CTX_free(static_cast<SSL_CTX *>(context_)); }

std::unique_ptr<Transport> TlsContext::accept(int descriptor) const {
  SSL *ssl = SSL_new(static_cast<SSL_CTX *>(context_));
  if (!ssl)
    return nullptr;
  if (SSL_set_fd(ssl, descriptor) != 1) {
    SSL_free(ssl);
    return nullptr;
  }
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsTransport>(ssl, descriptor);
}

} // namespace axiom::http
