// What both sides know: the event, and the topic that it goes through.
import { avroTopic } from '@inorder/messaging/kafka'

/** A parcel has come to a depot. */
export interface ParcelMoved {
  eventId: string
  parcelId: string
  /** Of the parcel: 1, 2, 3, ... */
  version: number
  depot: string
}

export const parcels = avroTopic<ParcelMoved>({
  name: 'parcels',
  partitions: 3,
  schema: {
    type: 'record',
    name: 'parcels.ParcelMoved',
    fields: [
      { name: 'eventId', type: 'string' },
      { name: 'parcelId', type: 'string' },
      { name: 'version', type: 'long' },
      { name: 'depot', type: 'string' },
    ],
  },
  describe: ({ eventId, parcelId, version }) => ({ eventId, key: parcelId, version }),
})
