using Livebed.Grains.Actors;
using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What actors need of a silo that is not there.</summary>
internal static class ASilo
{
    public static ActorSilo New() => new(
        new SiloTelemetry("silo-0", new TelemetryThresholds(), TimeProvider.System), new ClusterWorldOptions(), new SiloBoard(),
        new AlarmClock(TimeProvider.System));
}
