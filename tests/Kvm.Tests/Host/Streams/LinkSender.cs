using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>A stream that puts its chunks on a shared link, on several channels, each of which sends the next one when its last has
/// left.</summary>
internal sealed class LinkSender(IWorld world, LinkScheduler link, int channels, IReadOnlyList<int> chunks)
{
    private int _next;

    public LinkShare Share { get; } = new();

    /// <summary>Bytes that have left.</summary>
    public long Sent { get; private set; }

    public long Largest => chunks.Max();

    /// <summary>Its last chunk is on the link, or has been.</summary>
    public bool IsDraining => _next > chunks.Count - channels;

    public bool IsGivenUp { get; set; }

    /// <summary>When the newest chunk left.</summary>
    public long At { get; private set; }

    public Action? HasSent { get; set; }

    public Task RunAsync() => Task.WhenAll(Enumerable.Range(0, channels).Select(_ => ChannelAsync()));

    public void Leave()
    {
        IsGivenUp = true;
        link.Leave(Share);
    }

    private async Task ChannelAsync()
    {
        while (_next < chunks.Count)
        {
            var bytes = chunks[_next++];
            if (!await link.PassAsync(Operation, Share, bytes, () => IsGivenUp)) return;
            Sent += bytes;
            At = world.NowMicroseconds;
            HasSent?.Invoke();
        }
    }

    private static Operation Operation => new(new OperationId(1), OperationKind.MigrationPages);
}
