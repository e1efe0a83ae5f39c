/**
 * What is changed in the source of tfjs-node's binding before it is compiled.
 *
 * As published, an operation's attribute cannot be a list of strings or a list of types. TensorFlow's fused
 * convolutions need both (`fused_ops`, `TArgs`), so the two cases of `AssignOpAttr` learn to take a JavaScript array,
 * as its other cases do already. And TensorFlow's calls that set an attribute tell nobody of a name or a type that the
 * operation does not have: it would compute with its default, so these are checked beforehand.
 */
import {SetupError} from './processes.mjs';

export const patchedFile = 'tfjs_backend.cc';

const stringCase = `    case TF_ATTR_STRING: {
      // NOTE: String attribute values do not have to be utf8 encoded strings
`;

const stringList = `    case TF_ATTR_STRING: {
      if (IsArray(env, nstatus, &js_value)) {
        uint32_t length;
        nstatus = napi_get_array_length(env, js_value, &length);
        ENSURE_NAPI_OK(env, nstatus);
        std::vector<std::string> strings(length);
        std::vector<const void *> values(length);
        std::vector<size_t> lengths(length);
        for (uint32_t i = 0; i < length; ++i) {
          napi_value element;
          nstatus = napi_get_element(env, js_value, i, &element);
          ENSURE_NAPI_OK(env, nstatus);
          nstatus = GetStringParam(env, element, strings[i]);
          ENSURE_NAPI_OK(env, nstatus);
          values[i] = strings[i].data();
          lengths[i] = strings[i].size();
        }
        TFE_OpSetAttrStringList(tfe_op, attr_name, values.data(),
                                lengths.data(), static_cast<int>(length));
        break;
      }
      // NOTE: String attribute values do not have to be utf8 encoded strings
`;

const typeCase = `    case TF_ATTR_TYPE: {
      TF_DataType tf_data_type;
`;

const typeList = `    case TF_ATTR_TYPE: {
      if (IsArray(env, nstatus, &js_value)) {
        uint32_t length;
        nstatus = napi_get_array_length(env, js_value, &length);
        ENSURE_NAPI_OK(env, nstatus);
        std::vector<TF_DataType> types(length);
        for (uint32_t i = 0; i < length; ++i) {
          napi_value element;
          nstatus = napi_get_element(env, js_value, i, &element);
          ENSURE_NAPI_OK(env, nstatus);
          nstatus = napi_get_value_int32(
              env, element, reinterpret_cast<int32_t *>(&types[i]));
          ENSURE_NAPI_OK(env, nstatus);
        }
        TFE_OpSetAttrTypeList(tfe_op, attr_name, types.data(),
                              static_cast<int>(length));
        break;
      }
      TF_DataType tf_data_type;
`;

const attributeSwitch = `  switch (tf_attr_type) {
`;

const attributeCheck = `  // A name with an underscore is TensorFlow's own, which no operation declares.
  if (attr_name[0] != '_') {
    unsigned char is_list;
    TF_AutoStatus tf_status;
    const TF_AttrType declared =
        TFE_OpGetAttrType(tfe_op, attr_name, &is_list, tf_status.status);
    ENSURE_TF_OK(env, tf_status);
    const bool is_array =
        tf_attr_type != TF_ATTR_SHAPE && IsArray(env, nstatus, &js_value);
    if (declared != tf_attr_type || is_array != (is_list != 0)) {
      NAPI_THROW_ERROR(env, "The attribute '%s' is of another type than given",
                       attr_name);
      return;
    }
  }

  switch (tf_attr_type) {
`;

/**
 * The source of `tfjs_backend.cc` with attributes checked and lists of strings and of types as attributes.
 * @param {string} source as published in tfjs-node 4.22.0
 * @throws {SetupError} when the source is another one
 */
export function patchBackend(source) {
  return [
    [attributeSwitch, attributeCheck],
    [stringCase, stringList],
    [typeCase, typeList],
  ].reduce((text, [before, after]) => replaceOnce(text, before, after), source);
}

/** @param {string} source @param {string} before @param {string} after */
function replaceOnce(source, before, after) {
  const parts = source.split(before);
  if (parts.length !== 2) {
    throw new SetupError(
      `${patchedFile} of @tensorflow/tfjs-node is not the source that setup/binding-patch.mjs knows (4.22.0): ` +
        `${parts.length - 1} places match '${before.trim().split('\n')[0]}', 1 expected. Restore it with: npm ci`,
    );
  }
  return parts.join(after);
}
