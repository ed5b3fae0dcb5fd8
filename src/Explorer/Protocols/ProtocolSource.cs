using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Notifiers;

namespace Livebed.Explorer.Protocols;

/// <summary>Where a protocol comes from: one of the presets, or an assembly. The one place where a name becomes a setup.</summary>
public static class ProtocolSource
{
    /// <param name="name">of the preset, or of a protocol in the assembly</param>
    /// <param name="assembly">path of the assembly, as given and as a replay will tell it; null for a preset</param>
    /// <param name="folder">what a relative path is relative to</param>
    /// <exception cref="ProtocolException">There is no such protocol; one line.</exception>
    public static ScenarioSetup Find(string name, string? assembly, string folder)
    {
        if (assembly is not null)
            return new ScenarioSetup(name, CustomProtocol: ProtocolAssembly.Load(Path.GetFullPath(assembly, folder)).Find(name)) { ProtocolAssembly = assembly };
        return ProtocolCatalog.Find(name) is not null
            ? new ScenarioSetup(name)
            : throw new ProtocolException($"protocol '{name}' is unknown; allowed: {string.Join(", ", ProtocolCatalog.All.Select(entry => entry.Name))}, or one of a --protocol-assembly");
    }
}
