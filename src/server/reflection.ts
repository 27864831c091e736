/** What reflection tells: the compiled schema as it was written, file by file, with its comments. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import {
  type handleBidiStreamingCall,
  type Server,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { EnumTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { service as health } from 'grpc-health-check';
import type { PeerCall } from '../api/admission.js';
import type { CallSlots } from '../api/call-slots.js';
import { ApiError, errorStatus } from '../api/error.js';
import { descriptors } from '../gen/descriptors.js';

/** `mayReflect` tells of each call whether it is answered; each that is takes one of `slots`. */
export function addReflection(
  server: Server,
  mayReflect: (call: PeerCall) => boolean,
  slots: CallSlots,
): void {
  reflectionService().addToServer({
    addService: (definition, handlers) => {
      const guarded = Object.entries(handlers).map(([method, handle]) => [
        method,
        (call: ServerDuplexStream<unknown, unknown>) => {
          try {
            if (!mayReflect(call)) throw new ApiError('ACCESS_DENIED', REFUSAL);
            slots.take(call);
          } catch (error) {
            call.emit('error', errorStatus(error));
            return;
          }
          readAsAnswersAreTaken(call);
          (handle as handleBidiStreamingCall<unknown, unknown>)(call);
        },
      ]);
      server.addService(definition, Object.fromEntries(guarded) as UntypedServiceImplementation);
    },
  });
}

/** The library answers whatever comes, also where nobody takes the answers. */
function readAsAnswersAreTaken(call: ServerDuplexStream<unknown, unknown>): void {
  const write = call.write.bind(call) as (message: unknown) => boolean;
  call.write = (message: unknown): boolean => {
    const hasRoom = write(message);
    if (!hasRoom) call.pause();
    return hasRoom;
  };
  call.on('drain', () => call.resume());
}

const REFUSAL = 'the access policy shows the schema only to those who may list';

/**
 * proto-loader would make one file of each package and lose the imports on the way, which grpcurl
 * and buf then miss. Of its package definition reflection reads the files alone.
 */
function reflectionService(): ReflectionService {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptors);
  const definition: PackageDefinition = { own: files(file), health: files(healthFiles()) };
  return new ReflectionService(definition);
}

function healthFiles(): FileDescriptorProto[] {
  const encoded = Object.values(health)[0]?.requestType.fileDescriptorProtos ?? [];
  const decoded = encoded.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  decoded.forEach(renameMapEntries);
  return decoded;
}

/** protobufjs names the entry type of the map `statuses` not StatusesEntry: grpcurl refuses that. */
function renameMapEntries(file: FileDescriptorProto): void {
  for (const message of file.messageType) {
    for (const entry of message.nestedType) {
      if (entry.options?.mapEntry !== true || entry.name.endsWith('Entry')) continue;
      const name = `${entry.name}Entry`;
      for (const field of message.field) {
        if (field.typeName === entry.name) field.typeName = name;
      }
      entry.name = name;
    }
  }
}

function files(protos: readonly FileDescriptorProto[]): EnumTypeDefinition {
  return {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos: protos.map((proto) =>
      Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
    ),
  };
}
