namespace Livebed.Grains.Tests.Hosting;

/// <summary>A clock that only the test moves.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private long _microseconds = 1_000_000;

    public override long TimestampFrequency => 1_000_000;
    public void Advance(long microseconds) => _microseconds += microseconds;
    public override long GetTimestamp() => _microseconds;
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddMicroseconds(_microseconds);
}
