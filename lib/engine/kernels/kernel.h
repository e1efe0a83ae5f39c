// How the kernels of this folder become operations of TensorFlow.
//
// They do in one pass over memory what TensorFlow's own operations need several for: a normalisation with its activation,
// a depthwise convolution with its padding, an optimizer's update. Everything goes through TensorFlow's C interface, so
// any C++17 compiler will do, whatever standard library it brings. The set-up compiles them into the binding; their
// operations are registered when it is loaded. All numbers are float32, all images [batch, height, width, channel].
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace lab {

using Shape = std::vector<int64_t>;

inline int64_t sizeOf(const Shape& shape) {
  int64_t size = 1;
  for (int64_t length : shape) size *= length;
  return size;
}

struct Input {
  const float* data;
  Shape shape;

  int64_t size() const { return sizeOf(shape); }
  int64_t channels() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const { return channels() == 0 ? 0 : size() / channels(); }
};

// One execution of an operation: its inputs and outputs.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  Call(const Call&) = delete;
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  // Whether there is an input of this number: the last one may be a list of none or one.
  bool has(int index) const { return index < TF_NumInputs(context_); }

  Input input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    check();
    tensors_.push_back(tensor);
    Shape shape(TF_NumDims(tensor));
    for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor, static_cast<int>(i));
    return {static_cast<const float*>(TF_TensorData(tensor)), shape};
  }

  // The same, of an input that must have so many elements.
  Input input(int index, int64_t size) {
    const Input given = input(index);
    if (given.size() != size) {
      throw std::invalid_argument("input " + std::to_string(index) + " has " + std::to_string(given.size()) +
                                  " elements in place of " + std::to_string(size));
    }
    return given;
  }

  float* output(int index, const Shape& shape) {
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                          sizeOf(shape) * sizeof(float), status_);
    check();
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

 private:
  void check() const {
    if (TF_GetCode(status_) != TF_OK) throw std::runtime_error(TF_Message(status_));
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> tensors_;
};

// Reads an operation's attributes when its kernel is made.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction), status_(TF_NewStatus()) {}
  Attributes(const Attributes&) = delete;
  ~Attributes() { TF_DeleteStatus(status_); }

  float number(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return value;
  }

  std::string text(const char* name) {
    char value[32] = {};
    TF_OpKernelConstruction_GetAttrString(construction_, name, value, sizeof value - 1, status_);
    return value;
  }

  std::vector<int64_t> integers(const char* name, int count) {
    std::vector<int64_t> values(count);
    TF_OpKernelConstruction_GetAttrInt64List(construction_, name, values.data(), count, status_);
    return values;
  }

 private:
  TF_OpKernelConstruction* construction_;
  TF_Status* status_;
};

// What an operation is called with; each entry is 'name: type'.
struct Signature {
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> attributes;
};

// Registers `Kernel`, which is made from Attributes and has `compute(Call&)`, as an operation. A static object of this
// type does so when the library is loaded.
template <class Kernel>
struct Registration {
  Registration(const char* name, const Signature& signature) {
    TF_Status* status = TF_NewStatus();
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
    for (const char* input : signature.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
    for (const char* output : signature.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
    for (const char* attribute : signature.attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, &TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(definition, status);
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", &create, &compute, &destroy), status);
    TF_DeleteStatus(status);
  }

 private:
  static void* create(TF_OpKernelConstruction* construction) {
    Attributes attributes(construction);
    return new Kernel(attributes);
  }

  static void compute(void* kernel, TF_OpKernelContext* context) {
    try {
      Call call(context);
      static_cast<const Kernel*>(kernel)->compute(call);
    } catch (const std::exception& error) {
      TF_Status* status = TF_NewStatus();
      TF_SetStatus(status, TF_INVALID_ARGUMENT, error.what());
      TF_OpKernelContext_Failure(context, status);
      TF_DeleteStatus(status);
    }
  }

  static void destroy(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

}  // namespace lab
