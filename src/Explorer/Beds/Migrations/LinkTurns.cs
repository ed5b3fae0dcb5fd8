using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>What other streams have sent over a link while one stream had more to send. A stream whose round goes on, over several
/// channels, has its next chunk at hand when one has left.</summary>
internal sealed class LinkTurns(IWorld world)
{
    private readonly TrackedMap<long, (int Round, long Others)> _streams = new(world);
    private Tracked<long> _othersMax = new(world);

    /// <summary>Most bytes of others between two chunks of one stream and one round.</summary>
    public long OthersMax => _othersMax.Value;

    /// <summary>A chunk has left.</summary>
    /// <param name="stream">its stream</param>
    /// <param name="round">its round of pre-copy</param>
    /// <param name="bytes">its size</param>
    public void Left(long stream, int round, long bytes)
    {
        if (_streams.GetValueOrDefault(stream) is var own && own.Round == round + 1)
            _othersMax.Value = Math.Max(_othersMax.Value, own.Others);
        foreach (var (other, sent) in _streams.ToArray())
            if (other != stream) _streams[other] = sent with { Others = sent.Others + bytes };
        _streams[stream] = (round + 1, 0);
    }
}
