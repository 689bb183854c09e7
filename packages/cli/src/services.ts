// Several services asked at once, of which some may not answer.
import type { Service } from './addresses.ts'
import { Failure } from './failure.ts'

export type Told<Value> = { service: Service; value?: Value; failure?: Failure }

export const ofEach = <Value>(
  services: readonly Service[],
  ask: (service: Service) => Promise<Value>,
): Promise<Told<Value>[]> =>
  Promise.all(
    services.map((service) =>
      ask(service).then(
        (value) => ({ service, value }),
        (failure: unknown) => {
          if (failure instanceof Failure) return { service, failure }
          throw failure
        },
      ),
    ),
  )
