using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>The port of a migration to a host; each call is a scheduling point, see <see cref="CrossingHostPort"/>.</summary>
internal sealed class CrossingStreamPort(VirtualWorld world, IStreamPort host, SlowHost slow) : IStreamPort
{
    private const int CountMax = 10;

    public ValueTask OpenStreamAsync(
        Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth) =>
        CallAsync(() => host.OpenStreamAsync(op, stream, destination, destinationAddressSpace, bandwidth));

    public ValueTask CloseStreamAsync(Operation op, long stream) => CallAsync(() => host.CloseStreamAsync(op, stream));

    public ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch) =>
        CallAsync(() => host.SendAsync(op, header, batch));

    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) => CallAsync(() => host.TakeDiscardedAsync(op, range));

    public ValueTask FreezeAsync(Operation op, bool frozen) => CallAsync(() => host.FreezeAsync(op, frozen));

    public ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range) => CallAsync(() => host.ImageAsync(op, range));

    public ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) => CallAsync(() => host.SaveOracleAsync(op, range));

    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest) =>
        CallAsync(() => host.LoadOracleAsync(op, range, newest));

    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch) =>
        CallAsync(() => host.BeginIncomingAsync(op, stream, epoch));

    public ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus) =>
        CallAsync(() => host.EnterPostcopyAsync(op, stream, discard, faults, vcpus));

    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) => CallAsync(async () =>
    {
        await slow.TakeTimeAsync(CountMax);
        var missing = await host.MissingAsync(op, range);
        await slow.TakeTimeAsync(CountMax);
        return missing;
    });

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream) =>
        CallAsync(() => host.EndIncomingAsync(op, stream));

    public ValueTask<long> PagesHeldAsync(Operation op) => CallAsync(() => host.PagesHeldAsync(op));

    // What is looked at when all is over is one step.
    private async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call)
    {
        if (world.Current is not null) await world.PointAsync(SchedulingPoint.Call);
        return await call();
    }

    private async ValueTask CallAsync(Func<ValueTask> call)
    {
        if (world.Current is not null) await world.PointAsync(SchedulingPoint.Call);
        await call();
    }
}
