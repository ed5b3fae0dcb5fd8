using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// The push of post-copy over a model of the guest's writes: missing pages go in their order, and one that is written goes before its
/// turn. Writes of one vCPU wait for their page; the others go on.
/// </summary>
internal static class PostcopyPush
{
    /// <param name="missing">pages that the destination lacks; empty afterwards</param>
    /// <param name="writes">of the guest, from where it stands</param>
    /// <param name="position">recorded time at which it stands</param>
    /// <param name="bytesPerSecond">of the push</param>
    /// <param name="settings">of the guest</param>
    public static PushTraffic Run(PageSet missing, IWriteStream writes, double position, double bytesPerSecond, ForecastSettings settings)
    {
        var pageSeconds = WireFormat.PageBytes(settings.PageSize) / bytesPerSecond;
        var blockSeconds = settings.FaultLatencyMicroseconds / 1e6 + pageSeconds;
        var recordedPerSecond = settings.Speed * 1e6;
        var pages = missing.Count;
        settings.Budget.Spend(pages);
        var (lost, requests, pushed, sent) = (0.0, 0L, 0L, 0L);
        while (sent < pages)
        {
            // What comes first: the next page of the push, or the next write. A page that was asked for goes before the push, which ends no
            // later for it.
            var now = (writes.DueMicroseconds - position) / recordedPerSecond + lost;
            if (sent * pageSeconds <= now)
            {
                while (!missing.Remove(pushed)) pushed++;
                sent++;
                continue;
            }

            if (missing.Remove(writes.Page))
            {
                sent++;
                requests++;
                // One vCPU waits, the others go on.
                lost += blockSeconds / settings.Vcpus;
            }

            writes.Advance();
        }

        return new PushTraffic(
            pages, pages * WireFormat.PageBytes(settings.PageSize), pages * pageSeconds, requests, requests * blockSeconds);
    }
}
