// All of what generated kernels instantiate.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_KERNELS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_KERNELS_H

#include "codegen/cuda/kernels/AttentionSpans.h"
#include "codegen/cuda/kernels/AttentionTiles.h"
#include "codegen/cuda/kernels/Head.h"
#include "codegen/cuda/kernels/Qkv.h"
#include "codegen/cuda/kernels/Tables.h"

#endif
