using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>The port of a migration that lives in the same process as the host, as in the explorer: plain calls.</summary>
/// <param name="host">the host</param>
/// <param name="addressSpaceId">the address space of the pages</param>
/// <param name="links">makes the link to an address space of another host</param>
public sealed class StreamPort(HostMmu host, int addressSpaceId, Func<string, int, IPageLink> links) : IStreamPort
{
    public ValueTask OpenStreamAsync(Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth)
    {
        host.Streams.Open(addressSpaceId, stream, destination, links(destination, destinationAddressSpace), bandwidth);
        return ValueTask.CompletedTask;
    }

    public ValueTask CloseStreamAsync(Operation op, long stream) => host.Streams.CloseAsync(op, addressSpaceId, stream);

    public ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch) =>
        host.Streams.SendAsync(op, addressSpaceId, header, batch);

    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) =>
        ValueTask.FromResult(host.Streams.TakeDiscarded(addressSpaceId, range));

    public ValueTask FreezeAsync(Operation op, bool frozen) => host.Streams.FreezeAsync(op, addressSpaceId, frozen);

    public ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range) => host.Streams.ImageAsync(op, addressSpaceId, range);

    public ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) =>
        ValueTask.FromResult(host.Streams.SaveOracle(addressSpaceId, range));

    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest)
    {
        host.Streams.LoadOracle(addressSpaceId, range, newest.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch)
    {
        host.Streams.BeginIncoming(addressSpaceId, stream, epoch);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus) =>
        host.Streams.EnterPostcopyAsync(op, addressSpaceId, stream, discard, faults, vcpus);

    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) =>
        ValueTask.FromResult(host.Streams.Missing(addressSpaceId, range));

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream) =>
        ValueTask.FromResult(host.Streams.EndIncoming(addressSpaceId, stream));

    public ValueTask<long> PagesHeldAsync(Operation op) => host.Streams.PagesHeldAsync(op, addressSpaceId);
}
