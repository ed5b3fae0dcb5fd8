using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>The way from one host to another: a connection of the migration, as the source's host sees it.</summary>
public interface IPageLink
{
    /// <summary>Returns when the destination's host has stored the chunk, or refused it. The chunk is not sealed yet.</summary>
    ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk);
}
