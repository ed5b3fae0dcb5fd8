using System.Runtime.Versioning;
using Livebed.Kvm.Guests;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Tests;

/// <summary>What puts a look off.</summary>
[SupportedOSPlatform("linux")]
public sealed class RecordingPaceTests
{
    /// <summary>A program that takes new memory all the time would be looked at again only when it has ended.</summary>
    [NeedsX64LinuxFact]
    public void Pages_that_no_look_has_found_before_put_no_look_off()
    {
        var interval = TimeSpan.FromMilliseconds(10);
        var request = new RecordRequest(Environment.ProcessId, IsGuest: false, RecordBackend.WpAsync, interval, null, MaxSlowdown: 1);
        var pace = new RecordingPace(request, interval, faultMicroseconds: 1000);
        using var tracker = new ManyWritten();
        Assert.Null(pace.PutOff(tracker, known: 0));
        Assert.True(pace.PutOff(tracker, known: ManyWritten.Pages) >= interval);
    }

    private sealed class ManyWritten : IWriteTracker
    {
        public const long Pages = 1_000_000;

        public RecordBackend Backend => RecordBackend.WpAsync;

        public bool CostsFaults => true;

        public double InjectedMicroseconds => 0;

        public InitialMemory Arm(CancellationToken stop) => throw new NotSupportedException();

        public void Collect(List<PageRun> into) => throw new NotSupportedException();

        public long CountWritten() => Pages;

        public void Dispose()
        {
        }
    }
}
