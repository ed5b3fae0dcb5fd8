using System.Reflection;
using System.Runtime.Loader;
using Livebed.Kvm.Notifiers;

namespace Livebed.Explorer.Protocols;

/// <summary>What a protocol's assembly brings along is its own, in its own versions; the model is this process's, or its types would be others.</summary>
internal sealed class ProtocolLoadContext(string path) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(path))
{
    private static readonly Assembly _model = typeof(IInvalidationProtocol).Assembly;

    private readonly AssemblyDependencyResolver _dependencies = new(path);

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name == _model.GetName().Name) return _model;
        return _dependencies.ResolveAssemblyToPath(assemblyName) is { } found ? LoadFromAssemblyPath(found) : null;
    }
}
