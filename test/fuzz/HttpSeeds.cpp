// HttpSeeds FOLDER: seeds for HttpFuzz.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

static std::string folder;
static int count = 0;

static void write(const std::string &bytes, char choice = 0) {
  std::string path = folder + std::to_string(count++);
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file || std::fputc(choice, file) == EOF ||
      std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file) != 0) {
    std::perror(path.c_str());
    std::exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  folder = std::string(argv[1]) + "/Http/";
  std::filesystem::create_directories(folder);
  auto get = [](const std::string &path, const std::string &fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
  };
  auto post = [](const std::string &fields, const std::string &body) {
    return "POST /echo HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
  };
  for (const char *path : {"/canary", "/stream?a=b", "/throw", "/drop", "/hold", "/tree/a%20b",
                           "http://localhost/canary"})
    write(get(path));
  write(get("/canary") + post("Content-Length: 5\r\n", "12345") + get("/stream"), 6);
  write(get("/hold") + get("/canary"), 1);
  write("HEAD /canary HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
  write("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a\r\n\r\n");
  write("GET /canary HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  write("GET /stream HTTP/1.0\r\n\r\n");
  write(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n4;a=b\r\ndefg\r\n0\r\n\r\n"), 2);
  write(post("Transfer-Encoding: chunked\r\n", "0\r\nA: b\r\n\r\n"));
  write(post("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"));
  write(post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"));
  write("POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n1234567890123456");
  write(get("/canary", "Connection: close, te\r\nX-Request-Id: a-1\r\n"));
  write(get("/canary", "A: b\r\n c\r\n"));
  write("\r\nGET /canary HTTP/1.1\nHost: localhost\n\n");
}
