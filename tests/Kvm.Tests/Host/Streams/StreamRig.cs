using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>Two hosts with a stream from the first one's address space 0 to the second one's, by plain calls.</summary>
internal sealed class StreamRig : IPageLink
{
    public const long Stream = 7;
    public const long Epoch = 3;
    public static readonly HvaRange Ram = new(HostRig.Ram, HostRig.RamPages);
    public static readonly PageSet AllPages = PageSet.All(Ram);

    public StreamRig(TestWorld world, int frames = 256, int destinationFrames = 256, Mutant? mutant = null)
    {
        World = world;
        Source = new HostRig(world, frames);
        Destination = new HostRig(world, destinationFrames, mutant, origin: 1);
        From = Source.Host.Process(0, (_, _) => this);
        To = Destination.Host.Process(0, (_, _) => this);
        Source.Host.Streams.ContentPool = Pool;
    }

    public TestWorld World { get; }
    public HostRig Source { get; }
    public HostRig Destination { get; }
    public HostProcess From { get; }
    public HostProcess To { get; }
    public PoisoningPool Pool { get; } = new();

    /// <summary>What was delivered, by header.</summary>
    public List<ChunkHeader> Delivered { get; } = [];

    /// <summary>Comes before the delivery.</summary>
    public Func<PageChunk, ValueTask<PageChunk>> OnTheWay { get; set; } = ValueTask.FromResult;

    public async ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        chunk = await OnTheWay(chunk.Sealed());
        Delivered.Add(chunk.Header);
        return await Destination.Host.Process(0).ReceiveAsync(op, chunk, chunk.IsIntact);
    }

    public async Task OpenAsync(long bytesPerSecond = 0)
    {
        await To.BeginIncomingAsync(Op(), Stream, Epoch);
        await From.OpenStreamAsync(Op(), Stream, "host-1", 0, new StreamBandwidth(bytesPerSecond));
    }

    public Operation Op(OperationKind? kind = null) => Source.Op(kind ?? OperationKind.Audit);

    public Task<SendResult> SendAsync(Hva start, int pages, StreamPhase phase = StreamPhase.Precopy, int round = 0) =>
        SendAsync(PageSet.All(new HvaRange(start, pages)), phase, round);

    public async Task<SendResult> SendAsync(PageSet pages, StreamPhase phase = StreamPhase.Precopy, int round = 0) =>
        await From.SendAsync(Op(), new ChunkHeader(Stream, Epoch, 0, round, phase), pages);

    /// <summary>What has to be sent still: written since the last copy, or discarded.</summary>
    public async Task<PageSet> TakeDirtyAsync()
    {
        var dirty = await From.TakeDiscardedAsync(Op(), Ram);
        while (await Source.Host.Process(0).ChangedSinceCopyAsync(Source.Op(), dirty) is { Count: > 0 } changed)
            foreach (var hva in changed) dirty.Add(hva);
        return dirty;
    }

    /// <summary>The memory that arrived is the memory that left.</summary>
    public async Task AssertEqualImagesAsync() =>
        Assert.Equal(await From.ImageAsync(Op(), Ram), await To.ImageAsync(Op(), Ram));

    public async Task MoveOracleAsync() => await To.LoadOracleAsync(Op(), Ram, await From.SaveOracleAsync(Op(), Ram));

    public void AssertNothingWrong()
    {
        Assert.Empty(World.Recorded.Violations);
        Assert.Equal(0, Pool.Lent);
    }

    /// <summary>A test on a world without a seed.</summary>
    public static void Run(Func<StreamRig, Task> body, int destinationFrames = 256, Mutant? mutant = null)
    {
        var world = new TestWorld();
        var rig = new StreamRig(world, destinationFrames: destinationFrames, mutant: mutant);
        world.Run(async () =>
        {
            await rig.OpenAsync();
            await body(rig);
        });
        rig.AssertNothingWrong();
    }
}
