using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Protocols;

/// <summary>Where a protocol comes from: one of the presets, or an assembly. The one place where a name becomes a setup.</summary>
public static class ProtocolSource
{
    /// <param name="name">of the preset, or of a protocol in the assembly; null takes the assembly's only one, or the usual preset</param>
    /// <param name="assembly">path of the assembly, as given and as a replay will tell it; null for a preset</param>
    /// <param name="folder">what a relative path is relative to</param>
    /// <exception cref="ProtocolException">There is no such protocol; one line.</exception>
    public static ScenarioSetup Find(string? name, string? assembly, string folder)
    {
        if (assembly is not null) return FromAssembly(name, assembly, ProtocolAssembly.Load(Path.GetFullPath(assembly, folder)));
        name ??= ProtocolCatalog.ActiveCount;
        return ProtocolCatalog.Find(name) is not null
            ? new ScenarioSetup(name)
            : throw new ProtocolException(
                $"'{name}' is unknown; allowed: {string.Join(", ", ProtocolCatalog.All.Select(entry => entry.Name))}");
    }

    private static ScenarioSetup FromAssembly(string? name, string path, ProtocolAssembly assembly)
    {
        if (name is null && assembly.Names.Count > 1)
            throw new ProtocolException($"{path}: has several protocols; allowed: one of {string.Join(", ", assembly.Names)}");
        name ??= assembly.Names.First();
        return new ScenarioSetup(name, CustomProtocol: assembly.Find(name)) { ProtocolAssembly = path };
    }
}
