#include "codegen/TemporaryFolder.h"
#include "codegen/cpu/LowerKernels.h"

#include "lld/Common/Driver.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace axiom::codegen {

namespace {

/// An anonymous file that lld can open by name.
class MemoryFile {
public:
  explicit MemoryFile(const char *name) : fd_(memfd_create(name, MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0)
      close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  bool write(const void *data, size_t size) {
    return ::write(fd_, data, size) == static_cast<ssize_t>(size);
  }

private:
  int fd_;
};

Status linkError(const std::string &what) {
  return Status(Code::Internal, "linking the kernel image failed: " + what);
}

/// Relocations that hold wherever the image is loaded. On AArch64 the low 12 bits of an address are
/// absolute: an image begins at a multiple of 4 KiB in memory as in its link (kCodeAlign, pages).
bool isPositionIndependent(llvm::Triple::ArchType arch, uint64_t type) {
  using namespace llvm::ELF;
  if (arch == llvm::Triple::x86_64)
    return type == R_X86_64_PC32 || type == R_X86_64_PLT32;
  switch (type) {
  case R_AARCH64_CALL26:
  case R_AARCH64_JUMP26:
  case R_AARCH64_ADR_PREL_PG_HI21:
  case R_AARCH64_ADD_ABS_LO12_NC:
  case R_AARCH64_LDST8_ABS_LO12_NC:
  case R_AARCH64_LDST16_ABS_LO12_NC:
  case R_AARCH64_LDST32_ABS_LO12_NC:
  case R_AARCH64_LDST64_ABS_LO12_NC:
  case R_AARCH64_LDST128_ABS_LO12_NC:
    return arch == llvm::Triple::aarch64;
  default:
    return false;
  }
}

/// Position independence and absence of data are properties of the object: only such relocations,
/// no writable sections, no undefined symbols.
Status checkObject(const llvm::object::ObjectFile &object) {
  for (const llvm::object::SectionRef &section : object.sections()) {
    llvm::object::ELFSectionRef elf(section);
    llvm::Expected<llvm::StringRef> name = section.getName();
    bool allocated = elf.getFlags() & llvm::ELF::SHF_ALLOC;
    if (allocated && (elf.getFlags() & llvm::ELF::SHF_WRITE) && section.getSize())
      return linkError("the object has writable data in section " + (name ? name->str() : "?"));
    for (const llvm::object::RelocationRef &relocation : section.relocations()) {
      uint64_t type = relocation.getType();
      llvm::object::ELFSectionRef target(*llvm::cantFail(section.getRelocatedSection()));
      if ((target.getFlags() & llvm::ELF::SHF_ALLOC) &&
          !isPositionIndependent(object.getArch(), type))
        return linkError("relocation type " + std::to_string(type) +
                         " is not position independent");
    }
  }
  for (const llvm::object::SymbolRef &symbol : object.symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (flags && (*flags & llvm::object::SymbolRef::SF_Undefined) && name && !name->empty())
      return linkError("undefined symbol " + name->str());
  }
  return Status();
}

Status runLinker(const std::vector<uint8_t> &object, uint64_t base, const std::string &outPath) {
  // Frame tables would need relocations of their own and nothing unwinds through a kernel.
  std::string script =
      "SECTIONS { . = " + std::to_string(base) +
      "; .image : ALIGN(64) { *(.text .text.*) . = ALIGN(64); *(.rodata .rodata.*) }"
      " /DISCARD/ : { *(.eh_frame*) *(.note*) *(.comment*) *(.llvm_addrsig) } }\n";
  MemoryFile input("kernels.o"), layout("image.ld");
  if (!input.ok() || !layout.ok() || !input.write(object.data(), object.size()) ||
      !layout.write(script.data(), script.size()))
    return Status(Code::Resource, "cannot create anonymous files for the linker");
  std::string inputPath = input.path(), layoutPath = layout.path();
  std::vector<const char *> args = {"ld.lld",
                                    "-static",
                                    "--no-undefined",
                                    "--threads=1",
                                    "--no-dynamic-linker",
                                    "-e",
                                    "0",
                                    "-T",
                                    layoutPath.c_str(),
                                    "-o",
                                    outPath.c_str(),
                                    inputPath.c_str()};
  std::string out, err;
  llvm::raw_string_ostream outStream(out), errStream(err);
  // lld keeps its state in globals.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  lld::Result result = lld::lldMain(args, outStream, errStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return linkError(err);
  return Status();
}

} // namespace

Result<std::vector<uint8_t>> linkImage(const std::vector<uint8_t> &object,
                                       const std::vector<std::string> &kernels,
                                       std::vector<AxmKernelRow> &rows) {
  using namespace llvm::object;
  llvm::MemoryBufferRef objectBuffer(
      llvm::StringRef(reinterpret_cast<const char *>(object.data()), object.size()), "kernels.o");
  llvm::Expected<std::unique_ptr<ObjectFile>> parsed = ObjectFile::createObjectFile(objectBuffer);
  if (!parsed)
    return linkError(llvm::toString(parsed.takeError()));
  AXIOM_RETURN_IF_ERROR(checkObject(**parsed));

  uint64_t tableBytes = sizeof(AxmImageHeader) + rows.size() * sizeof(AxmKernelRow);
  uint64_t base = (tableBytes + 63) / 64 * 64;
  // lld replaces its output file, so it gets a name of its own.
  TemporaryFolder folder("axiomc");
  AXIOM_RETURN_IF_ERROR(folder.status());
  std::string outPath = (folder.path() / "image").string();
  Status linked = runLinker(object, base, outPath);
  auto buffer =
      llvm::MemoryBuffer::getFile(outPath, /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                  /*IsVolatile=*/true);
  if (!linked.ok())
    return linked;
  if (!buffer)
    return linkError("no output");
  llvm::Expected<std::unique_ptr<ObjectFile>> image = ObjectFile::createObjectFile(**buffer);
  if (!image)
    return linkError(llvm::toString(image.takeError()));

  std::vector<uint8_t> bytes(base, 0);
  for (const SectionRef &section : (*image)->sections()) {
    ELFSectionRef elf(section);
    if (!(elf.getFlags() & llvm::ELF::SHF_ALLOC) || !section.getSize())
      continue;
    llvm::Expected<llvm::StringRef> contents = section.getContents();
    if (!contents)
      return linkError(llvm::toString(contents.takeError()));
    uint64_t end = section.getAddress() + contents->size();
    if (section.getAddress() < base)
      return linkError("a section lies inside the kernel table");
    if (bytes.size() < end)
      bytes.resize(end, 0);
    std::memcpy(bytes.data() + section.getAddress(), contents->data(), contents->size());
  }
  llvm::StringMap<std::pair<uint64_t, uint64_t>> symbols;
  for (const ELFSymbolRef symbol : static_cast<ELFObjectFileBase &>(**image).symbols()) {
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    llvm::Expected<uint64_t> address = symbol.getAddress();
    if (name && address)
      symbols[*name] = {*address, symbol.getSize()};
  }
  for (size_t i = 0; i < kernels.size(); ++i) {
    auto body = symbols.find(kernels[i] + ".body");
    if (body == symbols.end())
      return linkError("kernel " + kernels[i] + " has no body");
    rows[i].body = static_cast<uint32_t>(body->second.first);
    rows[i].bodyEnd = static_cast<uint32_t>(body->second.first + body->second.second);
    auto prologue = symbols.find(kernels[i] + ".prologue");
    rows[i].prologue =
        prologue == symbols.end() ? 0 : static_cast<uint32_t>(prologue->second.first);
  }
  AxmImageHeader header = {AXM_IMAGE_MAGIC, AXM_KERNEL_ABI_VERSION,
                           static_cast<uint32_t>(rows.size()), sizeof(AxmKernelRow)};
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, rows.data(), rows.size() * sizeof(AxmKernelRow));
  return bytes;
}

} // namespace axiom::codegen
