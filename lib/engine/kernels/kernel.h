// How the kernels of this folder become operations of TensorFlow.
//
// They do in one pass over memory what TensorFlow's own operations need several for: a normalisation with its activation,
// a depthwise convolution with its padding, an optimizer's update; or what these are slow at. Everything goes through
// TensorFlow's C interface, so any C++17 compiler will do, whatever standard library it brings. The set-up compiles them
// into the binding; their operations are registered when it is loaded. Numbers are float32 unless an input names another
// type; T is one of values, float32 or bfloat16. All images are [batch, height, width, channel].
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "bfloat16.h"
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

// The shape of two values side by side on the last axis.
inline Shape joinedShape(Shape first, const Shape& second) {
  if (first.empty() || second.size() != first.size() || !std::equal(first.begin(), first.end() - 1, second.begin())) {
    throw std::invalid_argument("what is joined differs in more than its channels");
  }
  first.back() += second.back();
  return first;
}

// An error that TensorFlow itself has reported, under its own code.
struct Failure : std::runtime_error {
  TF_Code code;

  explicit Failure(const TF_Status* status) : std::runtime_error(TF_Message(status)), code(TF_GetCode(status)) {}
};

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  Status(const Status&) = delete;
  ~Status() { TF_DeleteStatus(status_); }

  operator TF_Status*() const { return status_; }

  void check() const {
    if (TF_GetCode(status_) != TF_OK) throw Failure(status_);
  }

  // Takes over what has just been caught.
  void setToException() {
    try {
      throw;
    } catch (const Failure& error) {
      TF_SetStatus(status_, error.code, error.what());
    } catch (const std::invalid_argument& error) {
      TF_SetStatus(status_, TF_INVALID_ARGUMENT, error.what());
    } catch (const std::bad_alloc&) {
      TF_SetStatus(status_, TF_RESOURCE_EXHAUSTED, "there is not enough memory");
    } catch (const std::exception& error) {
      TF_SetStatus(status_, TF_INTERNAL, error.what());
    } catch (...) {
      TF_SetStatus(status_, TF_INTERNAL, "an error without a description");
    }
  }

 private:
  TF_Status* status_;
};

template <class Number>
struct InputOf {
  const Number* data;
  Shape shape;
  TF_DataType type;

  int64_t size() const { return sizeOf(shape); }
  int64_t channels() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const { return channels() == 0 ? 0 : size() / channels(); }
};

using Input = InputOf<float>;

// A tensor of float32 or bfloat16.
class Values {
 public:
  Values() = default;
  template <class Number>
  explicit Values(const InputOf<Number>& input) : data_(input.data), isNarrow_(input.type == TF_BFLOAT16) {}

  explicit operator bool() const { return data_ != nullptr; }

  // Where they begin, if they are bfloat16.
  const Bfloat16* narrow() const { return isNarrow_ ? static_cast<const Bfloat16*>(data_) : nullptr; }

  template <class Body>
  void from(int64_t offset, const Body& body) const {
    if (isNarrow_) {
      body(static_cast<const Bfloat16*>(data_) + offset);
    } else {
      body(static_cast<const float*>(data_) + offset);
    }
  }

 private:
  const void* data_ = nullptr;
  bool isNarrow_ = false;
};

// Calls `body` with a number of this type, float32 or bfloat16.
template <class Body>
inline void withNumber(TF_DataType type, const Body& body) {
  if (type == TF_BFLOAT16) {
    body(Bfloat16{});
  } else {
    body(float{});
  }
}

// One execution of an operation: its inputs and outputs.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  Call(const Call&) = delete;
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
  }

  // Whether there is an input of this number, the last, which is a list of none or one.
  bool has(int index) const {
    const int count = inputs() - index;
    if (count > 1) throw std::invalid_argument("input " + std::to_string(index) + " is a list of " + std::to_string(count));
    return count == 1;
  }

  int inputs() const { return TF_NumInputs(context_); }

  template <class Number = float>
  InputOf<Number> input(int index) {
    TF_Tensor*& tensor = tensors_.emplace_back(nullptr);
    TF_GetInput(context_, index, &tensor, status_);
    status_.check();
    Shape shape(TF_NumDims(tensor));
    for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor, static_cast<int>(i));
    return {static_cast<const Number*>(TF_TensorData(tensor)), shape, TF_TensorType(tensor)};
  }

  // The same, of an input that must have so many elements.
  template <class Number = float>
  InputOf<Number> input(int index, int64_t size) {
    const InputOf<Number> given = input<Number>(index);
    if (given.size() != size) {
      throw std::invalid_argument("input " + std::to_string(index) + " has " + std::to_string(given.size()) +
                                  " elements in place of " + std::to_string(size));
    }
    return given;
  }

  template <class Number = float>
  Number* output(int index, const Shape& shape) {
    // TensorFlow ends the process when it is asked for more than it can count.
    int64_t bytes = sizeof(Number);
    for (int64_t length : shape) {
      if (length < 0 || __builtin_mul_overflow(bytes, length, &bytes)) throw std::bad_alloc();
    }
    TF_Tensor*& tensor = tensors_.emplace_back(nullptr);
    tensor = TF_AllocateOutput(context_, index, sizeof(Number) == sizeof(float) ? TF_FLOAT : TF_BFLOAT16, shape.data(),
                               static_cast<int>(shape.size()), static_cast<size_t>(bytes), status_);
    status_.check();
    return static_cast<Number*>(TF_TensorData(tensor));
  }

 private:
  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TF_Tensor*> tensors_;
};

// Reads an operation's attributes when its kernel is made.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}
  Attributes(const Attributes&) = delete;

  float number(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    status_.check();
    return value;
  }

  TF_DataType type(const char* name) {
    TF_DataType value = TF_FLOAT;
    TF_OpKernelConstruction_GetAttrType(construction_, name, &value, status_);
    status_.check();
    return value;
  }

  std::string text(const char* name) {
    std::string value(sizes(name).total, '\0');
    TF_OpKernelConstruction_GetAttrString(construction_, name, &value[0], value.size(), status_);
    status_.check();
    return value;
  }

  int64_t integer(const char* name, int64_t least) {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
    status_.check();
    if (value < least) throw std::invalid_argument(std::string(name) + " is " + std::to_string(value));
    return value;
  }

  // A list of so many whole numbers, none of which is below `least`.
  std::vector<int64_t> integers(const char* name, int count, int64_t least) {
    const int given = sizes(name).list;
    if (given != count) {
      throw std::invalid_argument(std::string(name) + " is a list of " + std::to_string(given) + " numbers in place of " +
                                  std::to_string(count));
    }
    std::vector<int64_t> values(count);
    TF_OpKernelConstruction_GetAttrInt64List(construction_, name, values.data(), count, status_);
    status_.check();
    for (int64_t value : values) {
      if (value < least) throw std::invalid_argument(std::string(name) + " holds " + std::to_string(value));
    }
    return values;
  }

 private:
  struct Sizes {
    int32_t list, total;
  };

  Sizes sizes(const char* name) {
    Sizes sizes{0, 0};
    TF_OpKernelConstruction_GetAttrSize(construction_, name, &sizes.list, &sizes.total, status_);
    status_.check();
    return sizes;
  }

  TF_OpKernelConstruction* construction_;
  Status status_;
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
    const Status status;
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
    for (const char* input : signature.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
    for (const char* output : signature.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
    for (const char* attribute : signature.attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, &TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(definition, status);
    report(name, status);
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", &create, &compute, &destroy), status);
    report(name, status);
  }

 private:
  // Nothing can be thrown while the library is loaded; the operation will be missing when it is called.
  static void report(const char* name, const Status& status) {
    if (TF_GetCode(status) != TF_OK) std::fprintf(stderr, "%s is not registered: %s\n", name, TF_Message(status));
  }

  static void* create(TF_OpKernelConstruction* construction) {
    try {
      Attributes attributes(construction);
      return new Kernel(attributes);
    } catch (...) {
      Status status;
      status.setToException();
      TF_OpKernelConstruction_Failure(construction, status);
      return nullptr;
    }
  }

  static void compute(void* kernel, TF_OpKernelContext* context) {
    try {
      Call call(context);
      static_cast<const Kernel*>(kernel)->compute(call);
    } catch (...) {
      Status status;
      status.setToException();
      TF_OpKernelContext_Failure(context, status);
    }
  }

  static void destroy(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

}  // namespace lab
