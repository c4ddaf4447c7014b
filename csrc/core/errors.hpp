// errors: what the core and the kernels throw. std::invalid_argument becomes ValueError in Python.
#pragma once

#include <stdexcept>
#include <string>

namespace mlrt {

// An environment variable cannot be used; becomes mlops_runtime.core.errors.ConfigError.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "where: expected E, got G — next step", the form of mlops_runtime.core.errors.problem.
inline std::string problem(const std::string& where, const std::string& expected, const std::string& got,
                           const std::string& next_step) {
  return where + ": expected " + expected + ", got " + got + " — " + next_step;
}

}  // namespace mlrt
