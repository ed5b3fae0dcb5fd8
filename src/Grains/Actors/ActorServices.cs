using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Livebed.Grains.Actors;

/// <summary>What actors need of their silo, and what silos and clients need to understand each other.</summary>
public static class ActorServices
{
    /// <summary>The services of one silo's actors.</summary>
    public static IServiceCollection AddLivebedActors(this IServiceCollection services, ClusterWorldOptions options)
    {
        services.AddSingleton<LocalHosts>();
        services.AddSingleton<LocalActors>();
        services.AddSingleton<IConfigureGrainContextProvider>(provider => provider.GetRequiredService<LocalActors>());
        services.AddSingleton<SiloBoard>();
        services.AddSingleton(provider => new AlarmClock(provider.GetRequiredService<SiloTelemetry>().Time));
        services.AddSingleton<ActorSilo>();
        services.AddSingleton(options);
        return services.AddLivebedMessages();
    }

    /// <summary>
    /// Control messages are the model's own records, which know no Orleans, as JSON. The hot messages (faults, ranges, translations) have
    /// generated serializers, which come first.
    /// </summary>
    public static IServiceCollection AddLivebedMessages(this IServiceCollection services) => services.AddSerializer(serializer =>
        serializer.AddJsonSerializer(
            type => type.Namespace?.StartsWith("Livebed.", StringComparison.Ordinal) == true,
            MessageJson.Options));
}
