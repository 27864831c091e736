/** The service as grpc-js takes it: its answers are encoded when they come to be sent. */
import { TapBindingServiceService } from '../gen/tapmap/v1/tap_binding_service.js';

const responseSerialize = (encoded: Buffer): Buffer => encoded;

export const tapBindingServiceDefinition = {
  listTapBindings: { ...TapBindingServiceService.listTapBindings, responseSerialize },
  watchTapBindings: { ...TapBindingServiceService.watchTapBindings, responseSerialize },
};
