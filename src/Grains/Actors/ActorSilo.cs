using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Actors;

/// <summary>What the actors of one silo share.</summary>
/// <param name="Telemetry">its name, its clock, and what becomes a span</param>
/// <param name="Options">of the actors' worlds</param>
/// <param name="Board">where they tell that they have news</param>
/// <param name="Alarms">what wakes them</param>
internal sealed record ActorSilo(SiloTelemetry Telemetry, ClusterWorldOptions Options, SiloBoard Board, AlarmClock Alarms);
