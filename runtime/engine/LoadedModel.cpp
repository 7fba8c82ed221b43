#include "runtime/engine/LoadedModel.h"

#include "runtime/artifact/Decode.h"
#include "runtime/device/cuda/ChooseImage.h"

#include <algorithm>

namespace axiom::engine {

Result<std::optional<uint32_t>> parseDevice(const std::string &device) {
  if (device.empty() || device == "cpu")
    return std::optional<uint32_t>();
  const std::string cuda = "cuda";
  if (device == cuda)
    return std::optional<uint32_t>(0);
  std::string number =
      device.rfind(cuda + ":", 0) == 0 ? device.substr(cuda.size() + 1) : std::string();
  if (number.empty() || number.size() > 4 ||
      !std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return Status(Code::InvalidArgument,
                  format("%s is no device: write cpu, cuda (the first GPU) or cuda:N",
                         quoted(device).c_str()));
  return std::optional<uint32_t>(static_cast<uint32_t>(std::stoul(number)));
}

Result<LoadedModel> loadModel(const std::string &path, OpenOptions options,
                              const std::string &device) {
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint32_t> ordinal, parseDevice(device));
  LoadedModel model;
  std::shared_ptr<const cuda::Gpu> gpu;
  if (ordinal)
    options.chooseCuda = [&](const std::vector<std::string> &targets) -> Result<size_t> {
      AXIOM_ASSIGN_OR_RETURN(gpu, cuda::Gpu::open(*ordinal));
      return cuda::chooseImage(targets, gpu->facts());
    };
  AXIOM_ASSIGN_OR_RETURN(model.artifact, Artifact::open(path, options));
  if (ordinal) {
    auto loaded = cuda::GpuModel::create(gpu, model.artifact);
    if (!loaded.ok())
      return loaded.status().withContext("'" + path + "'");
    model.gpu = std::move(loaded).value();
  }
  return model;
}

} // namespace axiom::engine
