// TLS with a certificate that is made here.
#include "test/unit/serve/http/Client.h"

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace axiom::http;
using namespace axiom::http::test;
using axiom::Code;

namespace {

struct Files {
  std::string folder, certificate, key, otherKey, lockedKey;
  EVP_PKEY *pkey = nullptr;

  Files() {
    char name[] = "/tmp/axiom-tls-XXXXXX";
    folder = mkdtemp(name);
    certificate = folder + "/certificate.pem";
    key = folder + "/key.pem";
    otherKey = folder + "/other.pem";
    lockedKey = folder + "/locked.pem";
    pkey = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pkey);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char *>("localhost"), -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_sign(x509, pkey, EVP_sha256());
    write(certificate, [&](FILE *f) { return PEM_write_X509(f, x509); });
    auto plain = [&](EVP_PKEY *of) {
      return [of](FILE *f) {
        return PEM_write_PrivateKey(f, of, nullptr, nullptr, 0, nullptr, nullptr);
      };
    };
    write(key, plain(pkey));
    write(otherKey, plain(other));
    write(lockedKey, [&](FILE *f) {
      return PEM_write_PrivateKey(f, pkey, EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                  const_cast<char *>("word"));
    });
    X509_free(x509);
    EVP_PKEY_free(other);
  }
  ~Files() {
    EVP_PKEY_free(pkey);
    for (const std::string &file : {certificate, key, otherKey, lockedKey})
      std::remove(file.c_str());
    rmdir(folder.c_str());
  }
  static void write(const std::string &path, const std::function<int(FILE *)> &body) {
    FILE *file = std::fopen(path.c_str(), "wb");
    EXPECT_TRUE(file && body(file) == 1);
    std::fclose(file);
  }
  Options options() const {
    Options options = TestServer::quick();
    options.certificateFile = certificate;
    options.keyFile = key;
    return options;
  }
};

/// A waiting TLS client over Client's socket.
class TlsClient {
public:
  TlsClient(uint16_t port, int maxVersion = 0, const char *ciphers = nullptr,
            const std::string &alpn = "")
      : plain_(port) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_security_level(context_, 0);
    if (maxVersion)
      SSL_CTX_set_max_proto_version(context_, maxVersion);
    if (ciphers) {
      EXPECT_EQ(SSL_CTX_set_cipher_list(context_, ciphers), 1);
    }
    if (!alpn.empty())
      SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char *>(alpn.data()),
                              static_cast<unsigned>(alpn.size()));
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, plain_.descriptor());
    ok = SSL_connect(ssl_) == 1;
    ERR_clear_error();
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  void send(const std::string &bytes) {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), int(bytes.size())), int(bytes.size()));
  }
  /// Up to `end`, or to the end of the connection.
  std::string receive(const std::string &end) {
    std::string got;
    char buffer[4096];
    while (end.empty() || got.find(end) == std::string::npos) {
      int n = SSL_read(ssl_, buffer, sizeof buffer);
      if (n <= 0) {
        properly = SSL_get_error(ssl_, n) == SSL_ERROR_ZERO_RETURN;
        break;
      }
      got.append(buffer, size_t(n));
    }
    return got;
  }
  SSL *ssl() { return ssl_; }
  Client &plain() { return plain_; }
  bool ok = false, properly = false;

private:
  Client plain_;
  SSL_CTX *context_;
  SSL *ssl_;
};

} // namespace

TEST(HttpTls, RoundTrip) {
  Files files;
  TestServer server(files.options());
  TlsClient client(server->port(), 0, nullptr, "\x02h2\x08http/1.1");
  ASSERT_TRUE(client.ok);
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.3");
  const unsigned char *alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client.ssl(), &alpn, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(alpn), size), "http/1.1");
  client.send(post("/echo", "through TLS"));
  EXPECT_NE(client.receive("through TLS").find("200 OK"), std::string::npos);
  client.send(get("/hold"));
  Request request;
  Responder held = server.held.next(&request);
  EXPECT_TRUE(request.secure);
  held.start(200, "text/event-stream");
  held.write("an event");
  EXPECT_NE(client.receive("an event").find("200 OK"), std::string::npos);
  held.end();
  client.receive("0\r\n\r\n");
  client.send(get("/big", "Connection: close\r\n")); // many records
  std::string big = client.receive("");
  EXPECT_EQ(big.size() - big.find("\r\n\r\n") - 4, size_t(3) << 20);
  EXPECT_TRUE(client.properly); // with close_notify
}

TEST(HttpTls, Version12AndCiphers) {
  Files files;
  TestServer server(files.options());
  {
    TlsClient client(server->port(), TLS1_2_VERSION);
    ASSERT_TRUE(client.ok);
    EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.2");
    client.send(get("/ok"));
    EXPECT_NE(client.receive("ok").find("200"), std::string::npos);
  }
  EXPECT_FALSE(TlsClient(server->port(), TLS1_1_VERSION).ok);
  EXPECT_FALSE(TlsClient(server->port(), TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA").ok); // CBC
  EXPECT_FALSE(TlsClient(server->port(), 0, nullptr, "\x02h2").ok);
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::TlsFailed) == 3; }));
}

TEST(HttpTls, PlainRequestIsTold) {
  Files files;
  TestServer server(files.options());
  Client client = server.client();
  client.send(get("/ok"));
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos);
  Client garbage = server.client();
  garbage.send(std::string(100, '\xff'));
  EXPECT_TRUE(garbage.ended());
}

TEST(HttpTls, HangUpAndStall) {
  Files files;
  Options options = files.options();
  options.limits.headerTime = Milliseconds(1000);
  options.limits.writeStall = Milliseconds(100);
  options.limits.sendBufferBytes = 16 << 10;
  options.limits.streamBytes = 64 << 10;
  TestServer server(options);
  Client silent = server.client(); // never begins its handshake
  EXPECT_TRUE(silent.ended());
  {
    TlsClient client(server->port());
    client.send(get("/hold"));
    Responder held = server.held.next();
    Gone gone;
    gone.watch(held);
    client.plain().close(); // without close_notify
    EXPECT_TRUE(gone.seen());
  }
  {
    TlsClient client(server->port());
    client.send(get("/hold"));
    Responder held = server.held.next();
    Gone gone;
    gone.watch(held);
    SSL_shutdown(client.ssl());
    EXPECT_TRUE(gone.seen());
  }
  {
    TlsClient client(server->port());
    client.send(get("/hold"));
    Responder held = server.held.next();
    Gone gone;
    gone.watch(held);
    held.start(200, "text/plain");
    for (WriteResult result = WriteResult::Ok; result != WriteResult::Closed;)
      result = held.write(std::string(1000, 'a'));
    EXPECT_TRUE(gone.seen());
    EXPECT_EQ(gone.reason, CloseReason::Stalled);
  }
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
}

TEST(HttpTls, WrongFiles) {
  Files files;
  struct Case {
    std::string certificate, key;
    Code code;
    std::string message;
  };
  std::string none = files.folder + "/none.pem";
  for (const Case &c :
       {Case{none, files.key, Code::NotFound,
             "the TLS certificate file " + none + " cannot be opened: No such file or directory"},
        Case{files.certificate, none, Code::NotFound,
             "the TLS key file " + none + " cannot be opened: No such file or directory"},
        Case{files.key, files.key, Code::BadInput, "is not a certificate in PEM form"},
        Case{files.certificate, files.certificate, Code::BadInput,
             "is not a private key in PEM form without a passphrase"},
        Case{files.certificate, files.lockedKey, Code::BadInput, "without a passphrase"},
        Case{files.certificate, files.otherKey, Code::BadInput,
             "does not belong to the certificate in " + files.certificate}}) {
    Options options = TestServer::quick();
    options.certificateFile = c.certificate;
    options.keyFile = c.key;
    auto server = Server::start(options, {});
    ASSERT_FALSE(server.ok());
    EXPECT_EQ(server.status().code(), c.code) << server.status().message();
    EXPECT_NE(server.status().message().find(c.message), std::string::npos)
        << server.status().message();
  }
}
