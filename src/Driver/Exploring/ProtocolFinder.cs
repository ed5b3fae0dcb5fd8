using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Notifiers;

namespace Livebed.Driver.Exploring;

/// <summary>Finds the protocol that is to be explored: the one place where a name, and the assembly that it comes from, becomes a setup.</summary>
internal static class ProtocolFinder
{
    public static string Allowed { get; } = string.Join(", ", ProtocolCatalog.All.Select(entry => entry.Name));

    /// <param name="name">of a preset</param>
    /// <param name="assembly">the assembly that has it; null for a preset</param>
    /// <param name="place">where it was named, for the message: an option, a file</param>
    /// <exception cref="UsageException">There is no such protocol.</exception>
    public static ScenarioSetup FindProtocol(string name, string? assembly, string place)
    {
        if (assembly is not null) throw new UsageException($"{place}: protocol '{name}' of {assembly}: only presets can be explored; allowed: {Allowed}");
        return ProtocolCatalog.Find(name) is null
            ? throw new UsageException($"{place}: protocol '{name}' is unknown; allowed: {Allowed}")
            : new ScenarioSetup(name);
    }
}
