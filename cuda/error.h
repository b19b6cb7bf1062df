// Errors inside the plug-in: exceptions that carry what a TensileStatus needs. They end at the table (table.cpp), which
// turns them into codes. Knows nothing of the engine.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include <exception>
#include <string>
#include <utility>

#include "device/cuda/plugin_abi.h"

namespace tensile::cuda {

class PluginError : public std::exception {
  public:
    PluginError(TensileCode code, std::string message, bool sticky = false)
        : code_(code), sticky_(sticky), message_(std::move(message)) {}
    TensileCode code() const { return code_; }
    bool sticky() const { return sticky_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    TensileCode code_;
    bool sticky_;
    std::string message_;
};

// Throw PluginError unless the call succeeded. `what` names the attempt: "copying to the device".
void check(cudaError_t result, const char* what);
// Of the libraries: where the device itself has an error to report, that is the one thrown.
void check(cublasStatus_t result, const char* what);
void check(cudnnStatus_t result, const char* what);
// After a kernel launch.
void check_launch(const char* kernel);

}  // namespace tensile::cuda
