using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Wire;

/// <summary>Who takes the chunks of the connections that knew the token: an address space of a host. Called from any thread; the answer
/// comes when the chunk has been stored or refused.</summary>
/// <param name="op">whose chunk it is</param>
/// <param name="chunk">in buffers that are lent until the answer</param>
/// <param name="isIntact">whether its checksum is right</param>
public delegate Task<StreamStatus> ChunkHandler(OperationMessage op, PageChunk chunk, bool isIntact);
