// The owner of the precompiled header needs a source of its own.
int main() { return 0; }
