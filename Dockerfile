# The build environment on Debian bookworm, with Axiom built in it:
#   docker build -t axiom . && docker run -it axiom
FROM debian:bookworm
WORKDIR /opt/axiom
COPY tools/install-deps tools/install-deps
RUN tools/install-deps
COPY . .
RUN cmake -S . -B build -G Ninja -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_C_COMPILER=clang-22 -DAXIOM_BUILD_TESTS=OFF \
    && ninja -C build axiomc axiom-run
CMD ["tools/quickstart"]
