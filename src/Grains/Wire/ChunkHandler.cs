using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Wire;

/// <summary>Takes the chunks of connections that sent the right token: an address space of a host. Runs on any thread; completes when the
/// chunk has been stored or refused.</summary>
/// <param name="op">the operation that sends the chunk</param>
/// <param name="chunk">in buffers that the receiver may use until it answers</param>
/// <param name="isIntact">whether its checksum is right</param>
public delegate Task<StreamStatus> ChunkHandler(OperationMessage op, PageChunk chunk, bool isIntact);
