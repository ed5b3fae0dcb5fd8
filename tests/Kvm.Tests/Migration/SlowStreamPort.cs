using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>A destination's host that can hold its answers to two calls: the image of its memory, and how long vCPUs waited.</summary>
internal sealed class SlowStreamPort(IStreamPort inner) : IStreamPort
{
    public Func<Task> BeforeImage { get; set; } = () => Task.CompletedTask;
    public Func<Task> BeforeEnd { get; set; } = () => Task.CompletedTask;

    public async ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range)
    {
        await BeforeImage();
        return await inner.ImageAsync(op, range);
    }

    public async ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream)
    {
        await BeforeEnd();
        return await inner.EndIncomingAsync(op, stream);
    }

    public ValueTask OpenStreamAsync(
        Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth) =>
        inner.OpenStreamAsync(op, stream, destination, destinationAddressSpace, bandwidth);

    public ValueTask CloseStreamAsync(Operation op, long stream) => inner.CloseStreamAsync(op, stream);
    public ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch) => inner.SendAsync(op, header, batch);
    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) => inner.TakeDiscardedAsync(op, range);
    public ValueTask FreezeAsync(Operation op, bool frozen) => inner.FreezeAsync(op, frozen);
    public ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) => inner.SaveOracleAsync(op, range);
    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest) =>
        inner.LoadOracleAsync(op, range, newest);
    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch) => inner.BeginIncomingAsync(op, stream, epoch);

    public ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus) =>
        inner.EnterPostcopyAsync(op, stream, discard, faults, vcpus);

    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) => inner.MissingAsync(op, range);
    public ValueTask<long> PagesHeldAsync(Operation op) => inner.PagesHeldAsync(op);
}
