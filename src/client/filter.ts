/** Filters as programs write them: only the fields that matter. */
import { TapBindingFilter, type DeepPartial } from '../gen/tapmap/v1/tap_binding_service.js';
import { invalidOption } from './error.js';

/** Fields of a TapBindingFilter; all that are given must match. */
export type TapBindingFilterFields = DeepPartial<TapBindingFilter>;

/** One filter, or several of which any may match. None: all bindings. */
export type TapBindingFilters = TapBindingFilterFields | readonly TapBindingFilterFields[];

/** Throws TapmapError INVALID_OPTION. */
export function filtersOf(given: TapBindingFilters = []): TapBindingFilter[] {
  const list = isList(given) ? given : [given];
  return list.map((fields, index) => {
    try {
      return TapBindingFilter.fromPartial(fields);
    } catch (error) {
      // A text that is to be a 64-bit number and is none.
      const why = error instanceof Error ? error.message : String(error);
      throw invalidOption(`filter[${index}]`, `cannot be used: ${why}`, error);
    }
  });
}

function isList(given: TapBindingFilters): given is readonly TapBindingFilterFields[] {
  return Array.isArray(given);
}
