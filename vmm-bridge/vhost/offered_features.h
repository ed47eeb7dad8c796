#ifndef GP_VMM_BRIDGE_VHOST_OFFERED_FEATURES_H
#define GP_VMM_BRIDGE_VHOST_OFFERED_FEATURES_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdint.h>

/* What each back end here offers, besides the features of its device. */

#define GP_VHOST_F_PROTOCOL_FEATURES 30 // among the virtio features

#define GP_VHOST_TRANSPORT_FEATURES                                                                \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |          \
		UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |                                           \
		UINT64_C(1) << GP_VHOST_F_PROTOCOL_FEATURES)

enum gp_vhost_protocol_feature {
	GP_VHOST_PROTOCOL_F_MQ = 0,
	GP_VHOST_PROTOCOL_F_REPLY_ACK = 3,
	GP_VHOST_PROTOCOL_F_BACKEND_REQ = 5,
	GP_VHOST_PROTOCOL_F_CONFIG = 9,
	GP_VHOST_PROTOCOL_F_RESET_DEVICE = 13,
	GP_VHOST_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
};

#define GP_VHOST_PROTOCOL_FEATURES                                                                 \
	(UINT64_C(1) << GP_VHOST_PROTOCOL_F_MQ | UINT64_C(1) << GP_VHOST_PROTOCOL_F_REPLY_ACK |    \
		UINT64_C(1) << GP_VHOST_PROTOCOL_F_BACKEND_REQ |                                   \
		UINT64_C(1) << GP_VHOST_PROTOCOL_F_CONFIG |                                        \
		UINT64_C(1) << GP_VHOST_PROTOCOL_F_RESET_DEVICE |                                  \
		UINT64_C(1) << GP_VHOST_PROTOCOL_F_CONFIGURE_MEM_SLOTS)

#endif
