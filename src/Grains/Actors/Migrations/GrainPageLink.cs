using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The way from one host to an address space of another: one grain call a chunk, answered when it has been stored. What is in flight is what the channels have not been answered.</summary>
internal sealed class GrainPageLink(IHostMmuGrain destination, int addressSpace) : IPageLink
{
    public ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk) =>
        Unanswered.OrAsync(StreamStatus.Lost, () => destination.ReceivePagesAsync(OperationMessage.From(op), addressSpace, new PageChunkMessage(chunk)));
}
