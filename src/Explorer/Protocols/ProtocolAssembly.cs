using System.Collections.Concurrent;
using System.Linq.Expressions;
using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json;
using Livebed.Kvm.Files;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Protocols;

/// <summary>
/// Protocols of an assembly that is not Livebed's: its public classes that implement <see cref="IInvalidationProtocol"/> and have a public
/// constructor that takes a <see cref="ProtocolContext"/>. An assembly is loaded once in a process, since its lock classes can be defined
/// only once.
/// </summary>
public sealed class ProtocolAssembly
{
    private const string Suffix = "Protocol";

    private static readonly ConcurrentDictionary<string, Lazy<ProtocolAssembly>> _loaded = new(StringComparer.Ordinal);

    private readonly string _path;
    private readonly SortedDictionary<string, ConstructorInfo> _constructors = new(StringComparer.Ordinal);

    private ProtocolAssembly(string path)
    {
        _path = path;
        var protocols = ExportedTypes(path)
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IInvalidationProtocol))).ToList();
        foreach (var type in protocols)
        {
            if (type.ContainsGenericParameters || type.GetConstructor([typeof(ProtocolContext)]) is not { } constructor) continue;
            var name = NameOf(type);
            if (ProtocolCatalog.Find(name) is not null)
                throw new ProtocolException(
                    $"{path}: {type.Name} is named '{name}', as a preset is; allowed: any other name, by [ProtocolName(\"…\")]");
            if (!_constructors.TryAdd(name, constructor))
                throw new ProtocolException(
                    $"{path}: {_constructors[name].DeclaringType!.Name} and {type.Name} are both named '{name}'; allowed: "
                        + $"different names, by [ProtocolName(\"…\")]");
        }

        if (_constructors.Count > 0) return;
        var nearly = protocols.Count == 0 ? "" : $" ({string.Join(", ", protocols.Select(type => type.Name))} has no such constructor)";
        throw new ProtocolException(
            $"{path}: has no protocol{nearly}; allowed: an assembly with a public class that implements {nameof(IInvalidationProtocol)} "
                + $"and has a public constructor ({nameof(ProtocolContext)})");
    }

    public IReadOnlyCollection<string> Names => _constructors.Keys;

    /// <param name="path">absolute</param>
    /// <exception cref="ProtocolException">No such file, no .NET assembly, or none with a protocol.</exception>
    public static ProtocolAssembly Load(string path)
    {
        try
        {
            InputFile.Open(path).Dispose();
        }
        catch (InputFileException exception)
        {
            throw new ProtocolException($"{path}: {exception.Message}; allowed: a .NET assembly with a protocol in it", exception);
        }

        return _loaded.GetOrAdd(path, file => new Lazy<ProtocolAssembly>(() => new ProtocolAssembly(file))).Value;
    }

    /// <summary>What makes the protocol of that name, one for each VM; a constructor that throws is a
    /// <see cref="ProtocolException"/>.</summary>
    /// <exception cref="ProtocolException">There is no protocol of that name.</exception>
    public Func<ProtocolContext, IInvalidationProtocol> Find(string name)
    {
        if (!_constructors.TryGetValue(name, out var constructor))
            throw new ProtocolException($"{_path}: has no protocol '{name}'; allowed: {string.Join(", ", Names)}");
        var parameter = Expression.Parameter(typeof(ProtocolContext));
        var create = Expression.Lambda<Func<ProtocolContext, IInvalidationProtocol>>(Expression.New(constructor, parameter), parameter)
            .Compile();
        return context =>
        {
            try
            {
                return create(context);
            }
            catch (Exception exception)
            {
                // Not our code: its author needs to see any exception.
                var cause = exception is TypeInitializationException { InnerException: { } inner } ? inner : exception;
                throw new ProtocolException(
                    $"{_path}: the constructor of {constructor.DeclaringType!.Name} threw {cause.GetType().Name}: {cause.Message}",
                    exception);
            }
        };
    }

    private static Type[] ExportedTypes(string path)
    {
        try
        {
            return new ProtocolLoadContext(path).LoadFromAssemblyPath(path).GetExportedTypes();
        }
        catch (BadImageFormatException)
        {
            throw new ProtocolException($"{path}: is no .NET assembly; allowed: a .NET assembly with a protocol in it");
        }
        catch (Exception exception) when (
            exception is IOException or UnauthorizedAccessException or TypeLoadException or MissingMemberException)
        {
            throw new ProtocolException($"{path}: cannot be loaded: {exception.Message}", exception);
        }
    }

    private static string NameOf(Type type)
    {
        if (type.GetCustomAttribute<ProtocolNameAttribute>() is { } given) return given.Name;
        var name = type.Name.EndsWith(Suffix, StringComparison.Ordinal) && type.Name.Length > Suffix.Length
            ? type.Name[..^Suffix.Length]
            : type.Name;
        return JsonNamingPolicy.KebabCaseLower.ConvertName(name);
    }
}

/// <summary>A protocol that is not there or cannot be made; the message is one line for a person.</summary>
public sealed class ProtocolException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a protocol's assembly brings along is its own, in its own versions; the model is this process's, or its types would be
/// others.</summary>
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
