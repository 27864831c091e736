/** Ends calls whose request does not come: until it is all there, nobody is admitted and nothing is counted. */
import {
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerMethodDefinition,
} from '@grpc/grpc-js';
import { ApiError, errorStatus } from '../api/error.js';

/**
 * For the server's option `interceptors`: a call whose request is not all there `milliseconds` after it began
 * gets REQUEST_INCOMPLETE. Of a stream of requests (reflection) the first one is waited for.
 */
export function requestDeadline(milliseconds: number): ServerInterceptor {
  return ({ requestStream }: ServerMethodDefinition<unknown, unknown>, call) => {
    let timer: NodeJS.Timeout | undefined;
    const arrived = (): void => {
      clearTimeout(timer);
    };
    return new ServerInterceptingCall(call, {
      start: (next) => {
        timer = setTimeout(() => {
          call.sendStatus(errorStatus(incomplete(milliseconds)));
        }, milliseconds);
        next({
          onReceiveMessage: (message, forward) => {
            if (requestStream) arrived();
            forward(message);
          },
          onReceiveHalfClose: (forward) => {
            arrived();
            forward();
          },
          onCancel: arrived,
        });
      },
    });
  };
}

function incomplete(milliseconds: number): ApiError {
  const message = `the request was not all there after ${milliseconds / 1000} s`;
  return new ApiError('REQUEST_INCOMPLETE', message);
}
